import { buffer } from "node:stream/consumers";
import type { TreeEntry } from "@headrace/domain";
import { pack as tarPack } from "tar-stream";
import type { ObjectReader } from "./object-reader.ts";
import { listTree, readBlobs } from "./objects.ts";

const MAX_TAR_BYTES = 1024 * 1024 * 1024;

/** The folders above `paths`, outermost first, each once. */
const foldersOf = (paths: readonly string[]): string[] => {
  const folders = new Set<string>();
  for (const path of paths)
    for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1))
      folders.add(path.slice(0, at));
  return [...folders];
};

/**
 * A tar of the commit's tree straight from its blobs: no attribute, filter or `export-ignore` acts, so the bytes
 * are those that were committed. Folders come first; gitlinks become empty folders.
 */
export const tarOf = async (
  objects: ObjectReader,
  commit: string,
  { uid, prefix = "" }: { uid: number; prefix?: string },
): Promise<Uint8Array> => {
  const entries = await listTree(objects, commit);
  const blobs = await readBlobs(
    objects,
    entries.filter((entry) => entry.mode !== "160000").map((entry) => entry.object),
    MAX_TAR_BYTES,
  );
  const tar = tarPack();
  const owner = { uid, gid: uid, mtime: new Date(0) };
  const root = prefix.replace(/\/+$/, "");
  const at = (path: string) => (root === "" ? path : `${root}/${path}`);
  const folder = (name: string) =>
    tar.entry({ ...owner, name: `${name}/`, type: "directory", mode: 0o755 });
  for (const name of foldersOf([at(""), ...entries.map((entry) => at(entry.path))])) folder(name);
  for (const entry of entries) {
    if (entry.mode === "160000") folder(at(entry.path));
    else add(tar, { ...owner, name: at(entry.path) }, entry.mode, blobs.get(entry.object));
  }
  tar.finalize();
  return buffer(tar);
};

type Header = { uid: number; gid: number; mtime: Date; name: string };

const add = (
  tar: ReturnType<typeof tarPack>,
  header: Header,
  mode: Exclude<TreeEntry["mode"], "160000">,
  bytes: Buffer = Buffer.alloc(0),
) => {
  if (mode === "120000")
    tar.entry({ ...header, type: "symlink", mode: 0o777, linkname: bytes.toString("utf8") });
  else tar.entry({ ...header, mode: mode === "100755" ? 0o755 : 0o644 }, bytes);
};
