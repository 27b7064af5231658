import { ObjectId, type TreeEntry } from "@headrace/domain";
import { type Git, GitError } from "./git.ts";
import type { ObjectReader } from "./object-reader.ts";

/** A listed entry; gitlinks have no size. */
export type SizedEntry = TreeEntry & { size: number };

type Commit = { tree: string; parents: string[] };

/** Few objects can describe any number of paths: what a listing may weigh, an entry as much as its path and this. */
const MAX_LISTING_BYTES = 256 * 1024 * 1024;
const ENTRY_BYTES = 128;
const MAX_DEPTH = 4096;
const MAX_TREE_BYTES = 512 * 1024 * 1024;
const MAX_COMMIT_BYTES = 64 * 1024 * 1024;
const MAX_PACK_BYTES = 2 * 1024 * 1024 * 1024 - 1;
export const PACK_TIMEOUT_MS = 600_000;
const MAX_FILE_BYTES = 1024 * 1024 * 1024;

/** Whether the commit itself is there. */
export const hasCommit = async (objects: ObjectReader, commit: string): Promise<boolean> =>
  (await heldCommits(objects, [commit])).length > 0;

/** Those of `commits` that are there. */
export const heldCommits = async (
  objects: ObjectReader,
  commits: readonly string[],
): Promise<string[]> => {
  const ids = commits.filter((commit) => ObjectId.safeParse(commit).success);
  const found = await objects.info(ids);
  return ids.filter((_, index) => found[index]?.type === "commit");
};

/** What commits themselves say; parents may be absent. */
export const readCommits = async (
  objects: ObjectReader,
  commits: readonly string[],
): Promise<Commit[]> => {
  const texts = await objects.contents(commits, "commit", MAX_COMMIT_BYTES);
  return texts.map((text) => {
    const end = text.indexOf("\n\n");
    const lines = text.toString("latin1", 0, end === -1 ? text.length : end).split("\n");
    const named = (name: string) =>
      lines
        .filter((line) => line.startsWith(`${name} `))
        .map((line) => line.slice(name.length + 1));
    return { tree: named("tree")[0] ?? "", parents: named("parent") };
  });
};

const FOLDER = "040000";
type RawEntry = { mode: TreeEntry["mode"] | typeof FOLDER; name: string; object: string };

/** As git reads modes: of old tools' other permission bits (100664, 100600) only the owner's x counts. */
const canonicalMode = (octal: string): RawEntry["mode"] => {
  const mode = Number.parseInt(octal, 8);
  switch (mode & 0o170000) {
    case 0o040000:
      return FOLDER;
    case 0o100000:
      return mode & 0o100 ? "100755" : "100644";
    case 0o120000:
      return "120000";
    default:
      return "160000";
  }
};

/** Parses a tree: `<mode> <name>NUL<id in bytes>` again and again. */
const parseTree = (tree: Buffer, idBytes: number): RawEntry[] => {
  const entries: RawEntry[] = [];
  for (let at = 0; at < tree.length; ) {
    const space = tree.indexOf(0x20, at);
    const end = tree.indexOf(0, space);
    const next = end + 1 + idBytes;
    if (space === -1 || end === -1 || next > tree.length)
      throw new GitError(["cat-file"], null, "a tree is cut off");
    entries.push({
      mode: canonicalMode(tree.toString("latin1", at, space)),
      name: tree.toString("utf8", space + 1, end),
      object: tree.toString("hex", end + 1, next),
    });
    at = next;
  }
  return entries;
};

/** The trees with these ids, each once. */
const readTrees = async (
  objects: ObjectReader,
  ids: readonly string[],
): Promise<Map<string, RawEntry[]>> => {
  const trees = await objects.contents(ids, "tree", MAX_TREE_BYTES);
  return new Map(ids.map((id, i) => [id, parseTree(trees[i] ?? Buffer.alloc(0), id.length / 2)]));
};

const foldersIn = (trees: ReadonlyMap<string, RawEntry[]>): string[] =>
  [...trees.values()].flat().flatMap(({ mode, object }) => (mode === FOLDER ? [object] : []));

/** Every entry of a commit's tree, in the tree's order. Throws `GitError` where it cannot be listed. */
export const listTree = async (objects: ObjectReader, commit: string): Promise<TreeEntry[]> => {
  const root = await treeOf(objects, commit);
  const trees = new Map<string, RawEntry[]>();
  // a level at a time: as many round trips as the tree is deep
  for (let depth = 0, wanted = [root]; wanted.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) throw tooMuch(commit);
    const read = await readTrees(objects, wanted);
    for (const [id, entries] of read) trees.set(id, entries);
    wanted = [...new Set(foldersIn(read))].filter((id) => !trees.has(id));
  }
  const found: TreeEntry[] = [];
  let weight = 0;
  const walk = (tree: string, folder: string): void => {
    for (const { mode, name, object } of trees.get(tree) ?? []) {
      const path = folder + name;
      weight += path.length + ENTRY_BYTES;
      if (weight > MAX_LISTING_BYTES) throw tooMuch(commit);
      if (mode === FOLDER) walk(object, `${path}/`);
      else found.push({ mode, object, path });
    }
  };
  walk(root, "");
  return found;
};

const tooMuch = (commit: string): GitError =>
  new GitError(["cat-file"], null, `the tree of ${commit} has too many or too deep paths`);

export const treeOf = async (objects: ObjectReader, commit: string): Promise<string> =>
  (await readCommits(objects, [commit]))[0]?.tree ?? "";

/** Every entry of a commit's tree with its size, for which every blob must be present. */
export const listSized = async (objects: ObjectReader, commit: string): Promise<SizedEntry[]> => {
  const entries = await listTree(objects, commit);
  const files = entries.filter(({ mode }) => mode !== "160000");
  const infos = await objects.info(files.map(({ object }) => object));
  const sizes = new Map(files.map(({ object }, index) => [object, infos[index]?.size]));
  return entries.map((entry) => {
    const size = entry.mode === "160000" ? 0 : sizes.get(entry.object);
    if (size === undefined) throw new GitError(["cat-file"], null, `${entry.object} is missing`);
    return { ...entry, size };
  });
};

/** A file's bytes; undefined where the path is not a regular file of the commit. */
export const readFileAt = async (
  objects: ObjectReader,
  commit: string,
  path: string,
): Promise<Uint8Array | undefined> => {
  const names = path.split("/");
  let at = await treeOf(objects, commit);
  for (const [depth, name] of names.entries()) {
    const entry = (await readTrees(objects, [at])).get(at)?.find((one) => one.name === name);
    const wanted = depth === names.length - 1 ? /^100/ : /^040000$/;
    if (entry === undefined || !wanted.test(entry.mode)) return undefined;
    at = entry.object;
  }
  return (await objects.contents([at], "blob", MAX_FILE_BYTES))[0];
};

/** The bytes of many blobs by object id. */
export const readBlobs = async (
  objects: ObjectReader,
  ids: Iterable<string>,
  maxBytes: number,
): Promise<Map<string, Buffer>> => {
  const wanted = [...new Set(ids)];
  const blobs = await objects.contents(wanted, "blob", maxBytes);
  return new Map(wanted.map((id, index) => [id, blobs[index] ?? Buffer.alloc(0)]));
};

const BATCH_BYTES = 16 * 1024 * 1024;

/** Regular files of at most `maxBytes`, read a few megabytes at a time; equal contents come once. */
export async function* readFilesAt(
  objects: ObjectReader,
  commit: string,
  maxBytes: number,
): AsyncGenerator<{ path: string; bytes: Uint8Array }> {
  const first = new Map<string, SizedEntry>();
  for (const entry of await listSized(objects, commit))
    if (entry.mode.startsWith("100") && entry.size <= maxBytes && !first.has(entry.object))
      first.set(entry.object, entry);
  let batch: SizedEntry[] = [];
  let size = 0;
  const take = async () => {
    const blobs = await readBlobs(
      objects,
      batch.map(({ object }) => object),
      size,
    );
    const files = batch.map(({ path, object }) => ({
      path,
      bytes: blobs.get(object) ?? new Uint8Array(),
    }));
    [batch, size] = [[], 0];
    return files;
  };
  for (const entry of first.values()) {
    batch.push(entry);
    size += entry.size + ENTRY_BYTES;
    if (size >= BATCH_BYTES) yield* await take();
  }
  yield* await take();
}

/** A pack of `commits` and what they reach, less what `without` reach; `shallow` commits have no parents. */
export const packOf = async (
  git: Git,
  commits: readonly string[],
  options: { without?: readonly string[]; shallow?: readonly string[] } = {},
): Promise<Uint8Array> => {
  const lines = [
    ...(options.shallow ?? []).map((commit) => `--shallow ${commit}`),
    ...commits,
    ...(options.without ?? []).map((commit) => `^${commit}`),
  ];
  const { stdout } = await git.run(
    ["pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q"],
    { stdin: `${lines.join("\n")}\n`, maxBytes: MAX_PACK_BYTES, timeoutMs: PACK_TIMEOUT_MS },
  );
  return stdout;
};

/** Objects in a pack, as its header says; undefined where it is no pack. */
export const packCount = (pack: Uint8Array): number | undefined => {
  const view = new DataView(pack.buffer, pack.byteOffset, pack.byteLength);
  if (pack.byteLength < 12 || view.getUint32(0) !== 0x5041434b) return undefined;
  return view.getUint32(8);
};
