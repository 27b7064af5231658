import { createHash } from "node:crypto";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join, relative } from "node:path";

/** Path -> hash of every file below `dir`, links by their target; `skip` leaves paths out. */
export const fingerprint = async (
  dir: string,
  skip: (path: string) => boolean = () => false,
): Promise<Record<string, string>> => {
  const hashes: Record<string, string> = {};
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const full = join(entry.parentPath, entry.name);
    const path = relative(dir, full);
    if (entry.isDirectory() || skip(path)) continue;
    const bytes = entry.isSymbolicLink() ? await readlink(full) : await readFile(full);
    hashes[path] = createHash("sha256").update(bytes).digest("hex");
  }
  return hashes;
};
