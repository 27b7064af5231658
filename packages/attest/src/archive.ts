import { buffer } from "node:stream/consumers";
import { gunzipSync, gzipSync } from "node:zlib";
import { UserError } from "@headrace/domain";
import { extract, pack } from "tar-stream";

/** Of an archive, by path. */
export type ArchiveFiles = ReadonlyMap<string, Uint8Array>;

const MAX_BYTES = 2 * 1024 * 1024 * 1024 - 1;
const UNKNOWN_SYSTEM = 255;

/** Equal files give equal bytes: sorted, of no time and nobody's. */
export const packArchive = async (files: ArchiveFiles): Promise<Uint8Array> => {
  const tar = pack();
  for (const name of [...files.keys()].sort())
    tar.entry({ name, mode: 0o644, mtime: new Date(0) }, Buffer.from(files.get(name) ?? []));
  tar.finalize();
  const bytes = gzipSync(await buffer(tar), { level: 9 });
  // the one byte of a gzip header that tells which system made it
  bytes[9] = UNKNOWN_SYSTEM;
  return bytes;
};

/** The regular files in an archive, in memory; whatever else is in it is left out. Throws `UserError` where it is none. */
export const unpackArchive = async (bytes: Uint8Array): Promise<ArchiveFiles> => {
  const files = new Map<string, Uint8Array>();
  try {
    const tar = extract();
    tar.end(gunzipSync(bytes, { maxOutputLength: MAX_BYTES }));
    for await (const entry of tar) {
      const content = await buffer(entry);
      if (entry.header.type === "file") files.set(entry.header.name, content);
    }
    return files;
  } catch (cause) {
    throw new UserError(
      "the file is no archive of a run",
      "Name one that `headrace export RUN` wrote.",
      { cause },
    );
  }
};
