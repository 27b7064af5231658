import { spawn } from "node:child_process";
import { which } from "./machine/which.mjs";

/** Keeps the machine from sleeping while it is held, where the system offers a way; else does nothing. */
export const holdAwake = (env: NodeJS.ProcessEnv): AsyncDisposable => {
  const command = awakeCommand(env);
  const child =
    command && spawn(command[0], command.slice(1), { stdio: "ignore", detached: false });
  child?.on("error", () => undefined);
  child?.unref();
  return {
    async [Symbol.asyncDispose]() {
      child?.kill("SIGTERM");
    },
  };
};

const awakeCommand = (env: NodeJS.ProcessEnv): [string, ...string[]] | undefined => {
  const pid = String(process.pid);
  if (process.platform === "darwin") return ["caffeinate", "-i", "-w", pid];
  const inhibit = which("systemd-inhibit", env);
  if (!inhibit) return undefined;
  return [
    inhibit,
    "--what=idle:sleep",
    "--who=headrace",
    "--why=a run is being built",
    "tail",
    `--pid=${pid}`,
    "-f",
    "/dev/null",
  ];
};
