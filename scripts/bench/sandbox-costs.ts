import { spawn } from "node:child_process";
import { once } from "node:events";
import type Docker from "dockerode";
import { edit, read, search, type Tool } from "../../packages/agent/src/index.ts";
import {
  type Sandbox,
  type Sandboxes,
  SandboxLimits,
  type SandboxSpec,
} from "../../packages/domain/src/index.ts";
import { commitFiles, packFrom, tempRepo } from "../../test/support/git.ts";
import { SAMPLE_TREE } from "./agent-turns.ts";

const STARTS = 7;
const CALLS = 30;
/** What a warm sandbox may take to be there before it is asked for. */
const WARM_UP_MS = 3_000;

const LIMITS = SandboxLimits.parse({ memoryMb: 512 });
const FILE = "src/part-0/file-0.js";

const spec = (image: string): SandboxSpec => ({
  image,
  limits: LIMITS,
  env: {},
  labels: { run: "bench", step: "bench" },
});

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now();
  await work();
  return performance.now() - started;
};

export const baseEnvironment = async (sandboxes: Sandboxes): Promise<string> => {
  const plain = { image: undefined, setup: [], files: [], env: {}, limits: LIMITS };
  return (await sandboxes.environment({ ...plain, timeoutMs: 60_000 }, {})).image;
};

/** From the call to a sandbox that can be asked: created and started, or taken from those started ahead. */
export const measureStarts = async (
  sandboxes: Sandboxes,
  image: string,
  warm: boolean,
): Promise<number[]> => {
  const times: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    if (warm) {
      sandboxes.warm(spec(image));
      await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
    }
    let sandbox: Sandbox | undefined;
    times.push(
      await timed(async () => {
        sandbox = await sandboxes.open(spec(image));
      }),
    );
    await sandbox?.[Symbol.asyncDispose]();
  }
  return times;
};

/** The tools as a model calls them, less the model. */
export const measureTools = async (
  sandboxes: Sandboxes,
  image: string,
): Promise<Record<"read" | "edit" | "search" | "checkout" | "snapshot", number[]>> => {
  await using repo = await tempRepo();
  const commit = await commitFiles(repo.path, SAMPLE_TREE);
  await using sandbox = await sandboxes.open(spec(image));
  const checkout = [await timed(() => sandbox.checkout(packFrom(repo.path, commit), commit))];
  const signal = new AbortController().signal;
  const use = async (tool: Tool, input: unknown): Promise<void> => {
    const bound = tool.bind(input);
    if (!bound.ok) throw new Error(bound.problem);
    const answer = await bound.value.run({ sandbox, signal });
    if (!answer.ok) throw new Error(answer.text);
  };
  const times = async (call: (i: number) => Promise<unknown>): Promise<number[]> => {
    const taken: number[] = [];
    for (let i = 0; i < CALLS; i++) taken.push(await timed(() => call(i)));
    return taken;
  };
  await sandbox.write(FILE, Buffer.from("value 0;\n"));
  return {
    checkout,
    read: await times(() => use(read, { path: "src/part-1/file-1.js" })),
    edit: await times((i) => use(edit, { path: FILE, old: `value ${i};`, new: `value ${i + 1};` })),
    search: await times(() => use(search, { pattern: "value7 = 7", path: "src" })),
    snapshot: await times(async (i) => {
      await sandbox.write(FILE, Buffer.from(`snapshot ${i}\n`));
      await sandbox.snapshot(commit);
    }),
  };
};

/** The command of a turn as a program without a sandbox runs it: what this machine takes just now, whatever we do. */
export const measureBareCommands = async (): Promise<number[]> => {
  const times: number[] = [];
  for (let i = 0; i < CALLS; i++) {
    times.push(
      await timed(async () => {
        const child = spawn("bash", ["-c", "echo line | wc -l"], { stdio: "ignore" });
        await once(child, "exit");
      }),
    );
  }
  return times;
};

/** Bytes of memory that a sandbox which does nothing holds, as the engine counts them less file cache. */
export const measureIdleMemory = async (
  docker: Docker,
  sandboxes: Sandboxes,
  image: string,
): Promise<number> => {
  await using sandbox = await sandboxes.open(spec(image));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const { memory_stats: memory } = await docker.getContainer(sandbox.id).stats({ stream: false });
  const cache = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0;
  return memory.usage - cache;
};
