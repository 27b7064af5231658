import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostileTreeError } from "@headrace/domain";
import { isMissing, sync } from "./durable.ts";
import { type Git, GitError, gitAt } from "./git.ts";
import { changedEntries, type TreeKind, treeProblems } from "./hostile.ts";
import { listSized, PACK_TIMEOUT_MS, packCount, readBlobs, type SizedEntry } from "./objects.ts";
import { STRICT } from "./tolerated.ts";

export const QUARANTINE_PREFIX = "quarantine-";

const MAX_LINK_BYTES = 4096;

/** No single object may make git allocate more than this: a small delta can describe gigabytes. */
const ALLOCATION_LIMIT = "1g";

/**
 * An object directory beside the real one, where a pack is unpacked, checked and listed. What it holds is seen by
 * nobody until `migrate`, and disappears with it.
 */
export type Quarantine = AsyncDisposable & {
  /** git that sees the real objects and those in quarantine */
  git: Git;
  /** Commits the pack brought, whether or not the real store has them too. */
  commits(): Promise<string[]>;
  /** Throws `HostileTreeError` where the pack is broken, incomplete or has objects git's checks refuse. */
  index(pack: Uint8Array): Promise<void>;
  /** Moves the checked packs into the real store; durable when it resolves. */
  migrate(): Promise<void>;
};

/** `shallow`: commits whose parents need not exist. */
export const openQuarantine = async (
  gitDir: string,
  shallow: readonly string[],
): Promise<Quarantine> => {
  const dir = await mkdtemp(join(gitDir, QUARANTINE_PREFIX));
  const packs = join(dir, "pack");
  await mkdir(packs);
  const shallowFile = join(dir, "shallow");
  await writeFile(shallowFile, shallow.map((commit) => `${commit}\n`).join(""));
  const alone = {
    GIT_OBJECT_DIRECTORY: dir,
    GIT_SHALLOW_FILE: shallowFile,
    GIT_ALLOC_LIMIT: ALLOCATION_LIMIT,
  };
  const store = { GIT_ALTERNATE_OBJECT_DIRECTORIES: join(gitDir, "objects") };
  const git = gitAt({ gitDir, env: { ...alone, ...store } });
  return {
    git,
    commits: () => commitsIn(gitAt({ gitDir, env: alone })),
    index: (pack) => indexPack(git, pack),
    migrate: () => migrate(packs, join(gitDir, "objects", "pack")),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
};

const indexPack = async (git: Git, pack: Uint8Array): Promise<void> => {
  const count = packCount(pack);
  if (count === undefined) throw new HostileTreeError(["what came in is not a git pack"]);
  if (count === 0) return;
  try {
    await git.run(["index-pack", "--stdin", STRICT], { stdin: pack, timeoutMs: PACK_TIMEOUT_MS });
  } catch (error) {
    if (error instanceof GitError) throw new HostileTreeError(packProblems(error));
    throw error;
  }
};

const commitsIn = async (git: Git): Promise<string[]> => {
  const args = ["cat-file", "--batch-all-objects", "--unordered"];
  const objects = await git.text([...args, "--batch-check=%(objecttype) %(objectname)"]);
  return objects
    .split("\n")
    .filter((line) => line.startsWith("commit "))
    .map((line) => line.slice("commit ".length));
};

/** The lines in which index-pack says what is wrong, without its closing "fsck error in packed object". */
const packProblems = ({ stderr, code }: GitError): string[] => {
  const lines = stderr
    .split("\n")
    .map((line) => line.replace(/^(?:error|fatal): /, "").trim())
    .filter((line) => line !== "" && !line.startsWith("fsck error in"));
  return lines.length > 0 ? lines.slice(0, 50) : [`git could not read the pack (exit ${code})`];
};

/** The index comes last: until it is there, git does not see the pack. */
const MIGRATION_ORDER = [".pack", ".rev", ".idx"];

const migrate = async (from: string, to: string): Promise<void> => {
  const names = await readdir(from);
  for (const ending of MIGRATION_ORDER)
    for (const name of names.filter((candidate) => candidate.endsWith(ending))) {
      await sync(join(from, name));
      await rename(join(from, name), join(to, name));
    }
  await sync(to);
};

/** Refuses a commit in quarantine whose tree must not enter; `before` are the parent's entries. */
export const refuseHostileTree = async (
  git: Git,
  commit: string,
  kind: TreeKind,
  before: readonly SizedEntry[],
): Promise<void> => {
  const entries = await listOrRefuse(git, commit);
  const links = changedEntries(entries, before).filter((entry) => entry.mode === "120000");
  const long = links.filter((entry) => entry.size > MAX_LINK_BYTES);
  if (long.length > 0)
    throw new HostileTreeError(
      long.map(({ path }) => `${JSON.stringify(path)} is a link of over ${MAX_LINK_BYTES} bytes`),
    );
  const targets = await readBlobs(
    git,
    links.map((entry) => entry.object),
    256 * 1024 * 1024,
  );
  const problems = treeProblems({ kind, entries, before, targets });
  if (problems.length > 0) throw new HostileTreeError(problems);
};

const listOrRefuse = async (git: Git, commit: string): Promise<SizedEntry[]> => {
  try {
    return await listSized(git, commit);
  } catch (error) {
    if (error instanceof GitError)
      throw new HostileTreeError([`the tree of ${commit} cannot be listed: ${error.message}`]);
    throw error;
  }
};

/** Commits the repository keeps without their parents. */
export const readShallow = async (gitDir: string): Promise<string[]> => {
  try {
    return (await readFile(join(gitDir, "shallow"), "utf8")).split("\n").filter(Boolean);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
};
