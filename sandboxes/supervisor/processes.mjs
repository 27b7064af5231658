import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Every process carries in its environment the number of the command it belongs to. */
export const MARK = "SANDBOX_COMMAND";
/** The mark of the supervisor's own helpers. */
export const HELPER = "helper";

const PASSES = 6;

/** When a process started, in clock ticks since boot. */
export const startTimeOf = (pid) => statOf(pid)?.startTime ?? 0;

/**
 * Ends a command with everything it started: its process group, and what left the group by setsid or by forking
 * twice, found by mark or, where the mark was wiped, by having started later. What multiplies faster than it
 * can be found is ended by one signal to every process but the supervisor and init.
 */
export async function endCommand({ mark, group, since }) {
  signal(-group);
  for (let pass = 1; pass <= PASSES; pass += 1) {
    const strays = processes().filter((process) => belongs(process, mark, since));
    if (strays.length === 0) return;
    for (const stray of strays) signal(stray.pid);
    await sleep(5 * pass);
  }
  signal(-1);
}

function belongs({ mark, startTime }, wanted, since) {
  return mark === undefined ? startTime >= since : mark === wanted;
}

function signal(target) {
  try {
    process.kill(target, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH" && error.code !== "EPERM") throw error;
  }
}

function processes() {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== "1" && Number(name) !== process.pid)
    .map((name) => ({ pid: Number(name), mark: markOf(name), ...statOf(name) }))
    .filter(({ state }) => state !== undefined && state !== "Z" && state !== "X");
}

function statOf(pid) {
  const text = readProc(`${pid}/stat`);
  if (text === undefined) return undefined;
  // the name, in parentheses, may hold anything; fields count from behind it
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0], startTime: Number(fields[19]) };
}

function markOf(pid) {
  return new RegExp(`(?:^|\0)${MARK}=([^\0]*)`).exec(readProc(`${pid}/environ`) ?? "")?.[1];
}

function readProc(path) {
  try {
    return readFileSync(`/proc/${path}`, "latin1");
  } catch {
    return undefined;
  }
}
