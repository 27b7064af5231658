import {
  type ExecResult,
  InfrastructureError,
  type Sandbox,
  type SandboxLimits,
} from "@headrace/domain";
import { parseConfig, parseSpec } from "@headrace/intake";
import { judge } from "@headrace/verify";
import { expect } from "vitest";
import { sh } from "../../contract/suites/sandbox-harness.ts";
import { type HostileCase, hostile, type Verdict } from "../case.ts";
import { LIMITS } from "../stage.ts";

const SMALL = { memoryMb: 256, pids: 64, diskMb: 64, inodes: 2000 };

type Hog = {
  n: number;
  title: string;
  command: string;
  ms?: number;
  limits?: Partial<SandboxLimits>;
} & (
  | {
      /** how the command must have ended in a sandbox that works on */
      ended: (result: ExecResult) => unknown;
    }
  | {
      /** it is the sandbox that must end: for what it wrote, or because its supervisor is gone */
      lost: "disk" | "inodes" | "the sandbox";
    }
);

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

/** A command that takes all it can get; each says for itself how it must end. */
const hog = (one: Hog): HostileCase =>
  hostile({
    id: `X${String(one.n).padStart(2, "0")}`,
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
      const result = await sh(sandbox, one.command, ms);
      expect(Buffer.byteLength(result.output)).toBeLessThan(110_000);
      one.ended(result);
      expect((await sh(sandbox, "echo works")).output).toBe("works\n");
      return "contained";
    },
  });

const timedOut = (result: ExecResult) => expect(result.timedOut).toBe(true);
const python = (...lines: string[]): string => `python3 -c '${lines.join("\n")}'`;

export const HOGS: readonly Hog[] = [
  { n: 1, title: "a fork bomb", command: "bash -c ':(){ :|:& };:'; sleep 60", ended: timedOut },
  {
    n: 2,
    title: "a memory hog",
    command: python("a = []", "while True: a.append(bytearray(10_000_000))"),
    ms: 20_000,
    ended: (result) => expect(result).toMatchObject({ oomKilled: true, timedOut: false }),
  },
  {
    n: 3,
    title: "/tmp is filled",
    command: "head -c 400000000 /dev/zero > /tmp/x; echo $?",
    ended: ({ output }) => expect(output).toContain("No space left"),
  },
  {
    n: 4,
    title: "the workspace is filled",
    command: "head -c 300000000 /dev/zero > x",
    ms: 20_000,
    lost: "disk",
  },
  {
    n: 5,
    title: "the workspace is filled with empty files",
    command: "mkdir d; seq 1 20000 | sed s,^,d/, | xargs touch",
    ms: 20_000,
    lost: "inodes",
  },
  {
    n: 6,
    title: "a flood of output",
    command: "yes",
    ended: (result) => {
      timedOut(result);
      expect(result.truncated).toBe(true);
    },
  },
  {
    n: 7,
    title: "one line of 1 GB",
    command: "head -c 1000000000 /dev/zero | tr '\\0' x",
    ms: 30_000,
    ended: (result) => expect(result.truncated).toBe(true),
  },
  {
    n: 8,
    title: "file descriptors are used up",
    command: python(
      "import os",
      "n = 0",
      "try:",
      '    while True: os.open("/dev/null", 0); n += 1',
      "except OSError: print(n)",
    ),
    ended: ({ output }) => expect(Number(output)).toBeLessThan(8192),
  },
  {
    n: 9,
    title: "every thread spins",
    command: "for i in $(seq 1 20); do while :; do :; done & done; wait",
    ended: timedOut,
  },
  { n: 10, title: "a sleep without end", command: "sleep infinity", ms: 1000, ended: timedOut },
  {
    n: 11,
    title: "a command that ignores TERM",
    command: "trap '' TERM INT HUP QUIT; while :; do sleep 1; done",
    ms: 1000,
    ended: timedOut,
  },
  {
    n: 12,
    title: "daemons that fork twice",
    command: "for i in 1 2 3; do (setsid sh -c 'sleep 999 & sleep 999' &); done; sleep 60",
    ms: 1000,
    ended: timedOut,
  },
  {
    n: 13,
    title: "a child that holds stdout open",
    command: "(sleep 30 &) ; echo parent",
    ended: ({ output }) => expect(output).toBe("parent\n"),
  },
  {
    n: 14,
    title: "/dev/shm is filled",
    command: "head -c 200000000 /dev/zero > /dev/shm/x; stat -c %s /dev/shm/x",
    ended: ({ output }) =>
      expect(Number(/\d+\s*$/.exec(output)?.[0] ?? 0)).toBeLessThanOrEqual(64 * 1024 * 1024),
  },
  {
    n: 15,
    title: "a huge core dump",
    command: "ulimit -c unlimited 2>/dev/null; sh -c 'kill -SEGV $$'; ls core* 2>/dev/null; true",
    ended: ({ output }) => expect(output).not.toContain("core."),
  },
  {
    n: 16,
    title: "ptys, keyrings and inotify watches are used up",
    command: python(
      "import os, pty",
      "n = 0",
      "try:",
      "    while n < 100000: pty.openpty(); n += 1",
      "except OSError: print(n)",
    ),
    ms: 10_000,
    ended: ({ output }) => expect(Number(output)).toBeLessThan(8192),
  },
  {
    n: 19,
    title: "a command that kills itself and the supervisor",
    command: "kill -9 -1; kill -9 1; kill -9 $$",
    lost: "the sandbox",
  },
  {
    n: 20,
    title: "progress lines without end",
    command: "while :; do echo working; sleep 0.05; done",
    ended: timedOut,
  },
];

const manySmall = hostile({
  id: "X17",
  title: "1,000 commands of little output",
  verdict: "contained",
  build: (stage) => stage.fresh(SMALL),
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
      command: `node -e 'const a = []; for (;;) a.push(Buffer.alloc(1e7, 1))'; exit 0`,
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
