import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { which } from "./machine/which.mjs";

const LOOK_MS = 5_000;

/**
 * Keeps the machine from sleeping while `busy` says so, where the system offers a way; else does nothing. The process
 * that holds the assertion ends with this one.
 */
export const keepAwake = (options: {
  env: NodeJS.ProcessEnv;
  busy(): Promise<boolean>;
}): AsyncDisposable => {
  const command = awakeCommand(options.env);
  const closing = new AbortController();
  const watching = command === undefined ? undefined : watch(command, options.busy, closing.signal);
  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      await watching;
    },
  };
};

type Command = [string, ...string[]];

const watch = async (
  [program, ...args]: Command,
  busy: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> => {
  let holder: ChildProcess | undefined;
  while (!signal.aborted) {
    const wanted = await busy().catch(() => false);
    if (!wanted) holder = release(holder);
    else if (holder === undefined) {
      holder = spawn(program, args, { stdio: "ignore" });
      holder.on("error", () => undefined);
      holder.unref();
    }
    await sleep(LOOK_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
  release(holder);
};

const release = (holder: ChildProcess | undefined): undefined => {
  holder?.kill("SIGTERM");
};

const awakeCommand = (env: NodeJS.ProcessEnv): Command | undefined => {
  const pid = String(process.pid);
  if (process.platform === "darwin") return ["caffeinate", "-i", "-w", pid];
  const inhibit = which("systemd-inhibit", env);
  if (!inhibit) return undefined;
  const what = ["--what=idle:sleep", "--who=headrace", "--why=a run is being built"];
  return [inhibit, ...what, "tail", `--pid=${pid}`, "-f", "/dev/null"];
};
