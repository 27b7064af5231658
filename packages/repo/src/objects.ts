import { ObjectId, type TreeEntry } from "@headrace/domain";
import type { Git } from "./git.ts";

/** A listed entry; gitlinks have no size. */
export type SizedEntry = TreeEntry & { size: number };

const MAX_LISTING_BYTES = 512 * 1024 * 1024;
const MAX_PACK_BYTES = 2 * 1024 * 1024 * 1024 - 1;
export const PACK_TIMEOUT_MS = 600_000;
const MAX_FILE_BYTES = 1024 * 1024 * 1024;

/** Old tools wrote other permission bits (100664, 100600); git itself reads only the owner's x. */
const canonicalMode = (mode: string): TreeEntry["mode"] => {
  if (mode === "120000" || mode === "160000") return mode;
  return Number.parseInt(mode, 8) & 0o100 ? "100755" : "100644";
};

/** Parses `ls-tree -z [-l]`: `<mode> <type> <object>[ +<size>]TAB<path>NUL`; folders are left out. */
const parseListing = (output: Buffer): SizedEntry[] =>
  output
    .toString("utf8")
    .split("\0")
    .filter((line) => line !== "" && !line.startsWith("040000 "))
    .map((line) => {
      const tab = line.indexOf("\t");
      const [mode = "", , object = "", size = "0"] = line.slice(0, tab).split(/ +/);
      return {
        mode: canonicalMode(mode),
        object,
        size: size === "-" ? 0 : Number(size),
        path: line.slice(tab + 1),
      };
    });

/** Whether the commit itself is there. */
export const hasCommit = async (git: Git, commit: string): Promise<boolean> => {
  if (!ObjectId.safeParse(commit).success) return false;
  const { code } = await git.run(["cat-file", "-e", `${commit}^{commit}`], { ok: [0, 1, 128] });
  return code === 0;
};

/** Every entry of a commit's tree with its size, for which every blob must be present. */
export const listSized = async (git: Git, commit: string): Promise<SizedEntry[]> => {
  const { stdout } = await git.run(["ls-tree", "-r", "-z", "-l", "--full-tree", commit], {
    maxBytes: MAX_LISTING_BYTES,
  });
  return parseListing(stdout);
};

/** Every entry of a commit's tree. */
export const listTree = async (git: Git, commit: string): Promise<TreeEntry[]> => {
  const { stdout } = await git.run(["ls-tree", "-r", "-z", "--full-tree", commit], {
    maxBytes: MAX_LISTING_BYTES,
  });
  return parseListing(stdout).map(({ mode, object, path }) => ({ mode, object, path }));
};

/** Whether a tree could hold this path: models ask for any string, and git would resolve `..` and absolute ones. */
const isTreePath = (path: string): boolean =>
  !path.includes("\0") && path.split("/").every((name) => !["", ".", ".."].includes(name));

/** A file's bytes; undefined where the path is not a regular file of the commit. */
export const readFileAt = async (
  git: Git,
  commit: string,
  path: string,
): Promise<Uint8Array | undefined> => {
  if (!isTreePath(path)) return undefined;
  const listed = await git.run(["ls-tree", "-z", "--full-tree", commit, "--", path]);
  const entry = parseListing(listed.stdout).find((candidate) => candidate.path === path);
  if (entry === undefined || !entry.mode.startsWith("100")) return undefined;
  const blob = await git.run(["cat-file", "blob", entry.object], { maxBytes: MAX_FILE_BYTES });
  return blob.stdout;
};

/** The bytes of many blobs by object id, read by one process. */
export const readBlobs = async (
  git: Git,
  objects: Iterable<string>,
  maxBytes: number,
): Promise<Map<string, Buffer>> => {
  const wanted = [...new Set(objects)];
  const blobs = new Map<string, Buffer>();
  if (wanted.length === 0) return blobs;
  const { stdout } = await git.run(["cat-file", "--batch"], {
    stdin: `${wanted.join("\n")}\n`,
    maxBytes,
  });
  let at = 0;
  for (const object of wanted) {
    const eol = stdout.indexOf(0x0a, at);
    const header = stdout.toString("utf8", at, eol);
    const [, type, size] = header.split(" ");
    if (type !== "blob") throw new Error(`git cat-file answered "${header}" for ${object}`);
    blobs.set(object, stdout.subarray(eol + 1, eol + 1 + Number(size)));
    at = eol + 1 + Number(size) + 1;
  }
  return blobs;
};

const BATCH_BYTES = 16 * 1024 * 1024;
/** What git adds to each blob of a batch: its id, type and size. */
const HEADER_BYTES = 128;

/** Regular files of at most `maxBytes`, read a few megabytes at a time; equal contents come once. */
export async function* readFilesAt(
  git: Git,
  commit: string,
  maxBytes: number,
): AsyncGenerator<{ path: string; bytes: Uint8Array }> {
  const first = new Map<string, SizedEntry>();
  for (const entry of await listSized(git, commit))
    if (entry.mode.startsWith("100") && entry.size <= maxBytes && !first.has(entry.object))
      first.set(entry.object, entry);
  let batch: SizedEntry[] = [];
  let size = 0;
  const take = async () => {
    const blobs = await readBlobs(
      git,
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
    size += entry.size + HEADER_BYTES;
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
