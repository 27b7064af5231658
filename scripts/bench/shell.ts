import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { StoredEvent } from "../../packages/domain/src/index.ts";
import { DEMO_SCRIPT, demoRun } from "../demo/hand-in.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LAUNCHER = fileURLToPath(new URL("../../packages/cli/bin/headrace.mjs", import.meta.url));
const BOUND_MS = 4 * 60_000;

export type Ended = {
  stdout: string;
  /** wall clock, to be compared with the times of events */
  startedAt: number;
  ms: number;
};

/** Runs a program to its end; throws with what it said when that is not exit code 0. */
export const run = async (
  program: string,
  args: readonly string[],
  options: {
    env?: NodeJS.ProcessEnv;
    signal?: AbortSignal | undefined;
    boundMs?: number | undefined;
  } = {},
): Promise<Ended> => {
  const startedAt = Date.now();
  const started = performance.now();
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: options.boundMs ?? BOUND_MS,
    signal: options.signal,
  });
  const exited = new Promise<{ code: number | null; ms: number }>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve({ code, ms: performance.now() - started }));
  });
  const [{ code, ms }, stdout, stderr] = await Promise.all([
    exited,
    text(child.stdout),
    text(child.stderr),
  ]);
  if (code !== 0) {
    const said = `${stdout}\n${stderr}`.trim().split("\n").slice(-15).join("\n");
    throw new Error(`${program} ${args.join(" ")} ended with exit code ${code}:\n${said}`);
  }
  return { stdout, startedAt, ms };
};

/** The real launcher, as a person starts it, on one data directory. */
export type Headrace = ReturnType<typeof createHeadrace>;

const Submitted = z.object({ run: z.string() });

export const createHeadrace = (data: string, signal?: AbortSignal) => {
  const headrace = (...args: string[]) =>
    run(process.execPath, [LAUNCHER, ...args, "--data", data], { signal });
  return {
    help: () => run(process.execPath, [LAUNCHER, "--help"], { signal }),
    status: () => headrace("status"),
    stop: () => headrace("stop"),
    cancel: (id: string) => headrace("cancel", id),
    /** Submits the example on a repository made for it. */
    async submit(repo: string) {
      const flags = ["--model", `script:${DEMO_SCRIPT}`, "--detach", "--json", "--no-awake"];
      const ended = await headrace(...demoRun(repo), ...flags);
      return { ...Submitted.parse(JSON.parse(ended.stdout)), startedAt: ended.startedAt };
    },
    async runs() {
      const { stdout } = await headrace("status", "--json");
      return z.array(z.object({ id: z.string(), status: z.string() })).parse(JSON.parse(stdout));
    },
    async events(id: string) {
      const { stdout } = await headrace("log", id, "--json");
      const lines = stdout.trim().split("\n");
      return lines.map((line) => StoredEvent.parse(JSON.parse(line)));
    },
  };
};
