import type { ExecResult, GateSpec } from "@headrace/domain";

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
