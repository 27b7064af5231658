import { constants } from "node:fs";
import { type FileHandle, open, opendir } from "node:fs/promises";
import { join } from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Collected, GateSpec } from "@headrace/domain";
import { extract } from "tar-stream";

type Limits = Pick<NonNullable<GateSpec["collect"]>, "maxBytes" | "maxFiles">;

/** A class in a class of Java has a `$`, and so has the file of its tests. */
const PLAIN_NAME = /^[A-Za-z0-9._:$-]{1,200}$/;
/** Headers and padding that a tar may take for one entry, long names included. */
const ENTRY_BYTES = 16_384;
const BLOCK = 512;

/** What of a folder may still be taken. */
class Allowance {
  #bytes: number;
  #entries: number;

  constructor({ maxBytes, maxFiles }: Limits) {
    this.#bytes = maxBytes;
    this.#entries = maxFiles;
  }

  /** Whatever it is, looking at it counts: a folder of a million links is a folder of a million files. */
  entry(): boolean {
    this.#entries -= 1;
    return this.#entries >= 0;
  }

  bytes(size: number): boolean {
    this.#bytes -= size;
    return this.#bytes >= 0;
  }
}

/**
 * The files of a hostile tar of the folder `folder`, as an engine streams it: read as it comes and never further than
 * the limits, nothing of it written anywhere. Links, devices, nested folders and odd names are passed over. Rejects
 * when the stream breaks off.
 */
export const collectTar = async (
  tar: Readable,
  folder: string,
  limits: Limits,
): Promise<Collected> => {
  const allowance = new Allowance(limits);
  const parser = extract();
  const most = limits.maxBytes + (limits.maxFiles + 2) * ENTRY_BYTES;
  const fed = pipeline(tar, upTo(most), parser);
  // told by the loop below, which reads the same parser
  fed.catch(() => {});
  const files: Collected["files"] = [];
  try {
    for await (const entry of parser) {
      const { name, type, size = 0 } = entry.header;
      const own = name.startsWith(`${folder}/`) ? name.slice(folder.length + 1) : "";
      if (own !== "" && !allowance.entry()) return { files, cut: true };
      if (type !== "file" || !PLAIN_NAME.test(own)) {
        // what it holds is passed over block by block, and may be too much for that as well
        if (size > most) return { files, cut: true };
        entry.resume();
        continue;
      }
      if (!allowance.bytes(size)) return { files, cut: true };
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      files.push({ name: own, bytes: Buffer.concat(chunks) });
    }
    await fed;
    return { files, cut: false };
  } catch (error) {
    if (error instanceof TooMuchError) return { files, cut: true };
    throw error;
  } finally {
    tar.destroy();
  }
};

class TooMuchError extends Error {
  override readonly name = "TooMuchError";
}

const upTo = (most: number): Transform => {
  let passed = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      passed += chunk.length;
      done(passed > most + BLOCK ? new TooMuchError() : null, chunk);
    },
  });
};

/** The same from a folder of this host that a sandbox wrote and no longer does; undefined where there is none. */
export const collectFolder = async (
  path: string,
  limits: Limits,
): Promise<Collected | undefined> => {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  await using folder = await orNothing(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (folder === undefined) return undefined;
  const allowance = new Allowance(limits);
  // by its descriptor, so that it is the folder that was opened, whatever its name leads to
  const at = `/proc/self/fd/${folder.fd}`;
  const files: Collected["files"] = [];
  for await (const { name } of await opendir(at)) {
    if (!allowance.entry()) return { files, cut: true };
    if (!PLAIN_NAME.test(name)) continue;
    await using file = await orNothing(openAsIs(join(at, name)));
    const stat = await file?.stat();
    if (file === undefined || !stat?.isFile()) continue;
    if (!allowance.bytes(stat.size)) return { files, cut: true };
    files.push({ name, bytes: await readWhole(file, stat.size) });
  }
  return { files, cut: false };
};

/** Follows no link, and waits for no writer of a pipe. */
const openAsIs = (path: string): Promise<FileHandle> =>
  open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);

/** What is not there, is a link, or is closed to this process. */
const orNothing = (opening: Promise<FileHandle>): Promise<FileHandle | undefined> =>
  opening.catch(() => undefined);

const readWhole = async (file: FileHandle, size: number): Promise<Uint8Array> => {
  const bytes = new Uint8Array(size);
  let read = 0;
  while (read < size) {
    const { bytesRead } = await file.read(bytes, read, size - read, read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
};
