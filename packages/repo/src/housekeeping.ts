import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { InfrastructureError, UserError } from "@headrace/domain";
import { isMissing, sync } from "./durable.ts";
import { type Git, GitError, gitAt } from "./git.ts";
import { QUARANTINE_PREFIX } from "./quarantine.ts";

/** Exists while a process has the repository open; found at open, the last process did not close it. */
const OPEN_MARKER = "open";

const FSCK_TIMEOUT_MS = 600_000;

/** Every snapshot brings a pack; more of them than this are rewritten as one at the next open. */
const MANY_PACKS = 50;

export type ObjectFormat = "sha1" | "sha256";

/** Creates the repository or makes one a crash left behind fit for use; the caller is its only writer. */
export const prepare = async (gitDir: string, format: ObjectFormat): Promise<Git> => {
  await mkdir(gitDir, { recursive: true });
  const git = gitAt({ gitDir });
  await requireGit(git);
  if ((await readdir(gitDir)).includes("HEAD")) await removeLeftovers(gitDir);
  else await create(gitDir, format);
  if ((await readdir(gitDir)).includes(OPEN_MARKER)) await checkConnectivity(git, gitDir);
  await writeFile(join(gitDir, OPEN_MARKER), "");
  await sync(gitDir);
  await consolidate(git, gitDir);
  return git;
};

/** Says that the repository was left in order. */
export const markClosed = (gitDir: string): Promise<void> =>
  rm(join(gitDir, OPEN_MARKER), { force: true });

const requireGit = async (git: Git): Promise<void> => {
  const version = await git.text(["version"]);
  const [, major = "0", minor = "0"] = /(\d+)\.(\d+)/.exec(version) ?? [];
  if (Number(major) * 1000 + Number(minor) < 2039)
    throw new UserError(`${version.trim()} is too old`, "Install git 2.39 or newer.");
};

/**
 * Made aside and renamed, so that there is a whole repository or none. HEAD names a branch that never exists, so
 * nothing in it is "checked out".
 */
const create = async (gitDir: string, format: ObjectFormat): Promise<void> => {
  const next = `${gitDir}.new`;
  await rm(next, { recursive: true, force: true });
  await mkdir(next);
  await gitAt({ gitDir: next }).text([
    "init",
    "--quiet",
    "--bare",
    "--template=",
    "--initial-branch=none",
    `--object-format=${format}`,
  ]);
  for (const name of await readdir(next, { recursive: true })) await sync(join(next, name));
  await sync(next);
  await rename(next, gitDir);
  await sync(dirname(gitDir));
};

/** Locks, temporary objects and quarantines of a process that is gone; locks block every later update. */
const removeLeftovers = async (gitDir: string): Promise<void> => {
  for (const entry of await readdir(gitDir, { recursive: true, withFileTypes: true })) {
    const stale =
      entry.name.startsWith(QUARANTINE_PREFIX) ||
      (entry.isFile() && (entry.name.endsWith(".lock") || /^tmp_|^\.tmp-/.test(entry.name)));
    if (stale) await rm(join(entry.parentPath, entry.name), { recursive: true, force: true });
  }
};

const checkConnectivity = async (git: Git, gitDir: string): Promise<void> => {
  try {
    await git.run(["fsck", "--connectivity-only", "--no-dangling", "--no-progress"], {
      timeoutMs: FSCK_TIMEOUT_MS,
    });
  } catch (cause) {
    if (!(cause instanceof GitError)) throw cause;
    throw new InfrastructureError(
      `the factory's repository ${gitDir} is damaged: ${cause.message}\n  Restore it from a backup, or move it away; branches already exported are in your own repository.`,
      { cause },
    );
  }
};

/** Everything stays, also what no ref reaches: snapshots and changes are named by rows, not by refs. */
const consolidate = async (git: Git, gitDir: string): Promise<void> => {
  const packs = await readdir(join(gitDir, "objects", "pack")).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  if (packs.filter((name) => name.endsWith(".pack")).length <= MANY_PACKS) return;
  await git.run(["repack", "-a", "-d", "--keep-unreachable", "--quiet"], {
    timeoutMs: FSCK_TIMEOUT_MS,
  });
};
