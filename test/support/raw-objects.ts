import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import { git, gitBytes } from "./git.ts";

/** Writes an object git's own commands would refuse to make; returns its id. */
export const rawObject = (dir: string, type: string, bytes: Uint8Array | string): string =>
  gitBytes(dir, ["hash-object", "-t", type, "--literally", "-w", "--stdin"], bytes)
    .toString("utf8")
    .trim();

export type RawEntry = readonly [mode: string, name: string | Uint8Array, object: string];

/** Writes a tree with exactly these entries in this order. */
const rawTree = (dir: string, entries: readonly RawEntry[]): string =>
  rawObject(
    dir,
    "tree",
    Buffer.concat(
      entries.flatMap(([mode, name, object]) => [
        Buffer.from(`${mode} `),
        Buffer.from(name),
        Buffer.from([0]),
        Buffer.from(object, "hex"),
      ]),
    ),
  );

const WHO = "Ada <ada@example.com> 1700000000 +0000";

/** Writes a commit; `author` replaces the whole identity line. */
export const rawCommit = (
  dir: string,
  tree: string,
  { parents = [], author = WHO }: { parents?: readonly string[]; author?: string } = {},
): string => {
  const lines = [`tree ${tree}`, ...parents.map((parent) => `parent ${parent}`)];
  return rawObject(
    dir,
    "commit",
    [...lines, `author ${author}`, `committer ${WHO}`, "", "raw", ""].join("\n"),
  );
};

/** A pack of every object in the repository, but those `without`. */
const packAll = (dir: string, without: ReadonlySet<string> = new Set()): Uint8Array => {
  const all = git(dir, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split(
    "\n",
  );
  const wanted = all.filter((object) => !without.has(object));
  return gitBytes(dir, ["pack-objects", "--stdout", "-q"], `${wanted.join("\n")}\n`);
};

/** Makes objects by hand in the repository at `dir`. */
export const objectsIn = (dir: string) => ({
  blob: (bytes: string | Uint8Array) => rawObject(dir, "blob", bytes),
  tree: (...entries: RawEntry[]) => rawTree(dir, entries),
  commit: (tree: string, more?: Parameters<typeof rawCommit>[2]) => rawCommit(dir, tree, more),
  pack: (without?: ReadonlySet<string>) => packAll(dir, without),
});

/** Little-endian groups of seven bits, as deltas write sizes. */
const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];

/** A pack entry's header: four bits of the size beside the type, then a varint of the rest. */
const entryHeader = (type: number, size: number): number[] =>
  size < 16 ? [(type << 4) | size] : [(type << 4) | (size % 16) | 128, ...varint(size >> 4)];

const BLOB = 3;
const OFS_DELTA = 6;
const COPY_BYTES = 0xffffff;

/** A pack of a blob of zeros, and a delta on it that says "copy all of that" until `bytes` are reached. */
export const deltaBomb = (bytes: number): Uint8Array => {
  const copies = Math.ceil(bytes / COPY_BYTES);
  const copyAll = Buffer.from([0b1111_0000, 0xff, 0xff, 0xff]);
  const delta = Buffer.concat([
    Buffer.from([...varint(COPY_BYTES), ...varint(copies * COPY_BYTES)]),
    Buffer.concat(Array.from({ length: copies }, () => copyAll)),
  ]);
  const base = Buffer.concat([
    Buffer.from(entryHeader(BLOB, COPY_BYTES)),
    deflateSync(Buffer.alloc(COPY_BYTES)),
  ]);
  const count = 2;
  const pack = Buffer.concat([
    Buffer.from("PACK"),
    Buffer.from([0, 0, 0, 2, 0, 0, 0, count]),
    base,
    Buffer.from([...entryHeader(OFS_DELTA, delta.length), ...offset(base.length)]),
    deflateSync(delta),
  ]);
  return Buffer.concat([pack, createHash("sha1").update(pack).digest()]);
};

/** The distance back to a delta's base: big-endian groups of seven bits, each but the last less one. */
const offset = (distance: number): number[] => {
  const groups = [distance & 127];
  for (let rest = distance >> 7; rest > 0; rest >>= 7) groups.unshift((--rest & 127) | 128);
  return groups;
};
