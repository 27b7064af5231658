import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DataDir } from "../data-dir.ts";
import type { Installation } from "../user-config.ts";
import { openSandboxes } from "./sandboxes.ts";

type Place = {
  installation: Installation;
  data: DataDir;
  env: NodeJS.ProcessEnv;
  /** of this installation */
  owner: string;
  onWarning(line: string): void;
};

/** One check's own: its folder is there from before its first container until after its last. */
const folderOf = (data: DataDir, pid: number) => join(data.worker, `check-${pid}`);
const FOLDER = /^check-(\d+)$/;

/** A check has an owner of its own, so that neither a factory nor another check takes its containers for leftovers. */
const identityOf = (owner: string, pid: number, boot: string) => ({
  owner: `${owner}-check-${pid}`,
  boot,
});

/** Clears up after dead checks and makes a place for this process's own, removed with `closing`. */
export const beginCheck = async (
  place: Place,
  closing: AsyncDisposableStack,
): Promise<{ identity: { owner: string; boot: string }; folder: string }> => {
  await clearDeadChecks(place);
  const folder = folderOf(place.data, process.pid);
  await mkdir(folder);
  closing.defer(() => rm(folder, { recursive: true, force: true }));
  return { identity: identityOf(place.owner, process.pid, "check"), folder };
};

/** Removes what checks left whose process is gone; what cannot be removed now is left to the next that tries. */
export const clearDeadChecks = async (place: Place): Promise<void> => {
  const names = await readdir(place.data.worker);
  for (const pid of names.flatMap((name) => FOLDER.exec(name)?.[1] ?? []).map(Number)) {
    if (isAlive(pid)) continue;
    try {
      await using closing = new AsyncDisposableStack();
      const identity = identityOf(place.owner, pid, "clearing");
      const { sandboxes } = await openSandboxes({ ...place, identity }, closing);
      await sandboxes.reap();
      await rm(folderOf(place.data, pid), { recursive: true, force: true });
    } catch (error) {
      place.onWarning(`what a check left cannot be removed yet: ${(error as Error).message}`);
    }
  }
};

/** This process has no check yet when it asks: a folder of its number is of one that had it before. */
const isAlive = (pid: number): boolean => {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
};
