import { type ExecResult, InfrastructureError, type Sandbox } from "@headrace/domain";
import { parseConfig, parseSpec } from "@headrace/intake";
import { judge } from "@headrace/verify";
import { expect } from "vitest";
import { sh } from "../../contract/suites/sandbox-harness.ts";
import { type HostileCase, hostile, type Verdict } from "../case.ts";
import { LIMITS } from "../stage.ts";
import { HELD, HIDDEN_OOM, HOGS, type Hog, SMALL } from "./x-hogs.ts";

const failure = async (sandbox: Sandbox, command: string, ms: number): Promise<unknown> => {
  try {
    await sh(sandbox, command, ms);
    // the watcher looks every now and then
    await sh(sandbox, "sleep 20", 25_000);
  } catch (error) {
    return error;
  }
  throw new Error("the sandbox should have ended, and works");
};

/** Runs a command that holds what it took until `HELD` is gone, with a look at the host in between. */
const heldWhile = async (
  sandbox: Sandbox,
  command: string,
  look: () => Promise<unknown>,
): Promise<ExecResult> => {
  const running = sh(sandbox, command);
  try {
    await expect
      .poll(() => sandbox.read(HELD, 1), { timeout: 15_000, message: "nothing was taken" })
      .toBeDefined();
    await look();
  } finally {
    await sh(sandbox, `rm -f ${HELD}`);
    await running;
  }
  return running;
};

/** Each says for itself how it must end. */
const hog = (one: Hog): HostileCase =>
  hostile({
    id: one.id,
    title: one.title,
    verdict: "contained",
    build: (stage) => stage.fresh({ ...SMALL, ...one.limits }),
    async run(opened, stage): Promise<Verdict> {
      await using sandbox = opened;
      const ms = one.ms ?? 3000;
      if ("lost" in one) {
        const error = await failure(sandbox, one.command, ms);
        if (one.lost === "the sandbox") expect(error).toBeInstanceOf(InfrastructureError);
        else expect(error).toMatchObject({ name: "SandboxLimitError", limit: one.lost });
        // the next one has all of it again
        await using next = await stage.fresh(SMALL);
        expect((await sh(next, "echo works")).output).toBe("works\n");
        return "contained";
      }
      const result =
        one.meanwhile === undefined
          ? await sh(sandbox, one.command, ms)
          : await heldWhile(sandbox, one.command, one.meanwhile);
      expect(Buffer.byteLength(result.output)).toBeLessThan(110_000);
      one.ended(result);
      expect((await sh(sandbox, "echo works")).output).toBe("works\n");
      return "contained";
    },
  });

const manySmall = hostile({
  id: "X17",
  title: "1,000 commands of little output",
  verdict: "contained",
  // it is many commands, not many processes: those that run at once need room for their shells
  build: (stage) => stage.fresh({ ...SMALL, pids: 256 }),
  async run(opened): Promise<Verdict> {
    await using sandbox = opened;
    for (let batch = 0; batch < 50; batch++) {
      const some = Array.from({ length: 20 }, (_, i) => sh(sandbox, `echo ${batch}-${i}`));
      for (const [i, result] of (await Promise.all(some)).entries())
        expect(result.output).toBe(`${batch}-${i}\n`);
    }
    return "contained";
  },
});

const hiddenOom = hostile({
  id: "X18",
  title: "a gate whose child is killed for memory and whose parent exits 0",
  verdict: "fails",
  build: (stage) => stage.base(),
  async run(_, stage): Promise<Verdict> {
    const { sandboxes } = await stage.engine();
    const result = await sandboxes.runGate({
      image: await stage.image(),
      command: HIDDEN_OOM,
      tar: new Uint8Array(1024),
      env: {},
      limits: { ...LIMITS, memoryMb: 128 },
      labels: { run: "hostile", step: "x18" },
      timeoutMs: 30_000,
      maxOutputBytes: 1000,
    });
    expect(judge(result).verdict).toBe("fail");
    return "fails";
  },
});

/** Text of a repository or a person that is dear to read: it ends at once, or it is refused. */
const parsed = (id: string, title: string, work: () => unknown): HostileCase =>
  hostile({
    id,
    title,
    verdict: "contained",
    build: () => work,
    run(read) {
      const started = performance.now();
      try {
        read();
      } catch (error) {
        expect((error as Error).name).toBe("UserError");
      }
      // a defect takes minutes or all memory here; this is no measurement
      expect(performance.now() - started).toBeLessThan(20_000);
      return "contained";
    },
  });

const laughs = (depth: number): string => {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let n = 1; n < depth; n++) {
    const many = Array.from({ length: 9 }, () => `*a${n - 1}`).join(", ");
    lines.push(`a${n}: &a${n} [${many}]`);
  }
  return lines.join("\n");
};
const config = (text: string) => () => parseConfig({ file: "headrace.yaml", text });
const spec = (text: string) => () => parseSpec({ file: "spec.md", bytes: Buffer.from(text) });

const PARSED: readonly HostileCase[] = [
  parsed(
    "X21a",
    "a spec against catastrophic expressions",
    spec(`# ${" ".repeat(50_000)}x\n${"- ".repeat(50_000)}\n`),
  ),
  parsed(
    "X21b",
    "a spec of 500 KB of open brackets and backquotes",
    spec(`# x\n\n## Acceptance\n\n- ${"[`*_".repeat(125_000)}\n`),
  ),
  parsed("X22a", "billion laughs in headrace.yaml", config(laughs(20))),
  parsed("X22b", "100,000 levels of YAML", config(`gates: ${"[".repeat(100_000)}`)),
  parsed(
    "X22c",
    "a glob that could take for ever",
    config(`protected: ["${"**/a*".repeat(80)}b"]`),
  ),
];

export const RESOURCES: readonly HostileCase[] = [
  ...HOGS.map(hog),
  manySmall,
  hiddenOom,
  ...PARSED,
];
