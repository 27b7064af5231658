import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostileTreeError } from "@headrace/domain";
import { isMissing, sync } from "./durable.ts";
import { type Git, GitError, gitAt } from "./git.ts";
import { changedEntries, type TreeKind, treeProblems } from "./hostile.ts";
import { type ObjectReader, openObjects } from "./object-reader.ts";
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
  /** the real objects and those in quarantine */
  objects: ObjectReader;
  /** Commits the pack brought, whether or not the real store has them too. */
  commits(): Promise<string[]>;
  /** Throws `HostileTreeError` where the pack is broken, incomplete or has objects git's checks refuse. */
  index(pack: Uint8Array): Promise<void>;
  /** Moves the checked packs into the real store; durable when it resolves. */
  migrate(): Promise<void>;
};

/** `shallow`: commits whose parents need not exist. */
export const openQuarantine = async (
  { gitDir, idLength }: { gitDir: string; idLength: number },
  shallow: readonly string[],
): Promise<Quarantine> => {
  const dir = await mkdtemp(join(gitDir, QUARANTINE_PREFIX));
  const packs = join(dir, "pack");
  await mkdir(packs);
  const shallowFile = join(dir, "shallow");
  await writeFile(shallowFile, shallow.map((commit) => `${commit}\n`).join(""));
  const git = gitAt({
    gitDir,
    env: {
      GIT_OBJECT_DIRECTORY: dir,
      GIT_ALTERNATE_OBJECT_DIRECTORIES: join(gitDir, "objects"),
      GIT_SHALLOW_FILE: shallowFile,
      GIT_ALLOC_LIMIT: ALLOCATION_LIMIT,
    },
    // what stays is flushed by `migrate`
    config: [["core.fsync", "none"]],
  });
  const objects = openObjects(git);
  // it is ready when the pack is
  objects.start();
  return {
    objects,
    commits: () => commitsIn(packs, objects, idLength),
    index: (pack) => indexPack(git, pack),
    migrate: () => migrate(packs, join(gitDir, "objects", "pack")),
    async [Symbol.asyncDispose]() {
      objects[Symbol.dispose]();
      await rm(dir, { recursive: true, force: true });
    },
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

const commitsIn = async (
  packs: string,
  objects: ObjectReader,
  idLength: number,
): Promise<string[]> => {
  const indexes = (await readdir(packs)).filter((name) => name.endsWith(".idx"));
  const read = indexes.map(async (name) => idsIn(await readFile(join(packs, name)), idLength / 2));
  const ids = (await Promise.all(read)).flat();
  const infos = await objects.info(ids);
  return ids.filter((_, index) => infos[index]?.type === "commit");
};

/** Where a pack index of version 2 counts its objects, and where their ids begin. */
const COUNT_AT = 8 + 255 * 4;

/** Ids of all objects of a pack, as the index that git made of it names them. */
const idsIn = (index: Buffer, idBytes: number): string[] => {
  const count = index.readUInt32BE(COUNT_AT);
  const id = (n: number) => {
    const at = COUNT_AT + 4 + n * idBytes;
    return index.toString("hex", at, at + idBytes);
  };
  return Array.from({ length: count }, (_, n) => id(n));
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
  await Promise.all(names.map((name) => sync(join(from, name))));
  for (const ending of MIGRATION_ORDER)
    for (const name of names.filter((candidate) => candidate.endsWith(ending)))
      await rename(join(from, name), join(to, name));
  await sync(to);
};

/** Refuses a commit in quarantine whose tree must not enter; `before` are the parent's entries. */
export const refuseHostileTree = async (
  objects: ObjectReader,
  commit: string,
  kind: TreeKind,
  before: readonly SizedEntry[],
): Promise<void> => {
  const entries = await listOrRefuse(objects, commit);
  const links = changedEntries(entries, before).filter((entry) => entry.mode === "120000");
  const long = links.filter((entry) => entry.size > MAX_LINK_BYTES);
  if (long.length > 0)
    throw new HostileTreeError(
      long.map(({ path }) => `${JSON.stringify(path)} is a link of over ${MAX_LINK_BYTES} bytes`),
    );
  const targets = await readBlobs(
    objects,
    links.map((entry) => entry.object),
    256 * 1024 * 1024,
  );
  const problems = treeProblems({ kind, entries, before, targets });
  if (problems.length > 0) throw new HostileTreeError(problems);
};

const listOrRefuse = async (objects: ObjectReader, commit: string): Promise<SizedEntry[]> => {
  try {
    return await listSized(objects, commit);
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
