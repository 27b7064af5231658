import { posix } from "node:path";
import type { Collected, ExecResult, GateSpec, TestOutcomes } from "@headrace/domain";
import type { CanaryGround } from "./canary/run-canaries.ts";

/** How a command ended: exit 0 in a tenth of a second, unless a test says otherwise. */
export const ended = (over: Partial<ExecResult> = {}): ExecResult => ({
  exitCode: 0,
  timedOut: false,
  oomKilled: false,
  output: "",
  outputBytes: 0,
  truncated: false,
  durationMs: 100,
  ...over,
});

/** An engine that ends each command as the table says, in order, and remembers what it was asked. */
export class TableEngine {
  readonly asked: GateSpec[] = [];
  readonly #ends: Record<string, (ExecResult | Error)[]>;

  constructor(ends: Record<string, (ExecResult | Error)[]>) {
    this.#ends = ends;
  }

  async runGate(spec: GateSpec): Promise<ExecResult> {
    this.asked.push(spec);
    const end = this.#ends[spec.command]?.shift();
    if (end === undefined) throw new Error(`the table has no end for ${spec.command}`);
    if (end instanceof Error) throw end;
    return end;
  }
}

/** What a runner that keeps to the factory's reporter leaves for collection; another `nonce` makes it a forgery. */
export const reportFor = (
  spec: GateSpec,
  tests: TestOutcomes,
  nonce = posix.basename(spec.beside?.path ?? ""),
): Collected => {
  const lines = [
    { begin: nonce, runner: "vitest" },
    ...tests.map(({ name, outcome }) => ({ test: name, outcome })),
    { end: nonce, count: tests.length },
  ];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  return { files: [{ name: "vitest-1.jsonl", bytes: new TextEncoder().encode(text) }], cut: false };
};

/** A commit of these files, which becomes another tree with as little in it as a table engine looks at. */
export const groundOf = (...paths: string[]): CanaryGround => ({
  commit: "c".repeat(40),
  repo: {
    list: async () =>
      paths.map((path) => ({ mode: "100644" as const, object: "b".repeat(40), path })),
    read: async () => new Uint8Array(),
    alter: async () => ({ outcome: "altered" as const, tree: "a".repeat(40) }),
    commit: async () => "d".repeat(40),
    tar: async () => new Uint8Array(),
  },
});
