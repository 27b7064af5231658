import type { ExecResult, GateVerdict, SandboxLimits } from "@headrace/domain";

export type Judgement = { verdict: GateVerdict; reason: string };

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;

/**
 * What a gate's end means, from what the engine says alone: its output has no voice. Out of memory or of disk is a
 * failure even where a parent process hid it behind exit 0; a command that is not there did not run.
 */
export const judge = (
  exec: ExecResult,
  limits?: Pick<SandboxLimits, "diskMb" | "inodes">,
): Judgement => {
  const { exceeded } = exec;
  if (exceeded === "disk")
    return { verdict: "fail", reason: `used more than ${limits?.diskMb ?? "its"} MB of disk` };
  if (exceeded === "inodes")
    return { verdict: "fail", reason: `made more than ${limits?.inodes ?? "its"} files` };
  if (exec.oomKilled) return { verdict: "fail", reason: "killed: out of memory" };
  if (exec.timedOut)
    return { verdict: "fail", reason: `timed out after ${seconds(exec.durationMs)}` };
  switch (exec.exitCode) {
    case 0:
      return { verdict: "pass", reason: "exit 0" };
    case null:
      return { verdict: "fail", reason: "ended by a signal" };
    case 126:
      return { verdict: "not_run", reason: "command cannot be executed (exit 126)" };
    case 127:
      return { verdict: "not_run", reason: "command not found (exit 127)" };
    default:
      return { verdict: "fail", reason: `exit ${exec.exitCode}` };
  }
};
