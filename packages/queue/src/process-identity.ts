import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/**
 * A process and not merely its number: pids are used again, so whoever kills a process it did not just start
 * compares when that process began.
 */
export type ProcessIdentity = { pid: number; startedAt: string };

/** Undefined when no such process runs. */
export const identify = async (pid: number): Promise<ProcessIdentity | undefined> => {
  const startedAt = (await startFromProc(pid)) ?? (await startFromPs(pid));
  return startedAt === undefined ? undefined : { pid, startedAt };
};

/** Kills the process unless its number belongs to another by now; returns whether it was there. */
export const killIdentified = async (process_: ProcessIdentity): Promise<boolean> => {
  const now = await identify(process_.pid);
  if (now?.startedAt !== process_.startedAt) return false;
  process.kill(process_.pid, "SIGKILL");
  return true;
};

/** Linux: ticks since boot, field 22 of stat; the name in field 2 may hold spaces and parentheses. */
const startFromProc = async (pid: number): Promise<string | undefined> => {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
};

const startFromPs = async (pid: number): Promise<string | undefined> => {
  if (process.platform === "linux") return undefined;
  try {
    const { stdout } = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)], {
      timeout: 5000,
      env: { ...process.env, LC_ALL: "C" },
    });
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
};
