import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { crc32, gzipSync } from "node:zlib";
import { pack } from "tar-stream";

type Files = Readonly<Record<string, string>>;

/** What `npm pack` makes of these files. */
export const npmTarball = async (files: Files): Promise<Buffer> => {
  const archive = pack();
  for (const [name, text] of Object.entries(files))
    archive.entry({ name: `package/${name}`, mtime: new Date(0) }, text);
  archive.finalize();
  return gzipSync(await buffer(archive));
};

/** A pure wheel of one module: a zip whose files are stored as they are. */
export const pythonWheel = (project: {
  name: string;
  version: string;
  module: string;
  code: string;
  /** its own dependencies, as pip writes them */
  requires?: readonly string[];
}): { file: string; bytes: Buffer } => {
  const { name, version, module, code, requires = [] } = project;
  const stem = `${name.replaceAll("-", "_")}-${version}`;
  const needs = requires.map((one) => `Requires-Dist: ${one}\n`).join("");
  const bytes = zip({
    [`${module}.py`]: code,
    [`${stem}.dist-info/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${needs}`,
    [`${stem}.dist-info/WHEEL`]:
      "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\nGenerator: test\n",
    [`${stem}.dist-info/RECORD`]: "",
  });
  return { file: `${stem}-py3-none-any.whl`, bytes };
};

export const sha512 = (bytes: Buffer): string =>
  `sha512-${createHash("sha512").update(bytes).digest("base64")}`;

export const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Midnight of 1 January 1980, where a zip's time begins. */
const DATE = 0x21;

const zip = (files: Files): Buffer => {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [path, text] of Object.entries(files)) {
    const [name, data] = [Buffer.from(path), Buffer.from(text)];
    // the fields that a file's header and its entry in the directory share
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(DATE, 8);
    shared.writeUInt32LE(crc32(data), 10);
    shared.writeUInt32LE(data.length, 14);
    shared.writeUInt32LE(data.length, 18);
    shared.writeUInt16LE(name.length, 22);
    const body = Buffer.concat([Buffer.from("PK\x03\x04"), shared, name, data]);
    const entry = Buffer.alloc(14);
    entry.writeUInt32LE((0o100644 << 16) >>> 0, 6);
    entry.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x00"), shared, entry, name]));
    bodies.push(body);
    offset += body.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, listing, end]);
};
