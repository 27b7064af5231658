import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { startUpstream, type Upstream } from "./egress-rig.ts";

export type Wheel = { name: string; file: string; bytes: Buffer; sha256: string };

/** A package of pure Python as one file to install; `requires` are its own dependencies. */
export const makeWheel = (
  name: string,
  version: string,
  { modules, requires = [] }: { modules: Readonly<Record<string, string>>; requires?: string[] },
): Wheel => {
  const stem = `${name.replaceAll("-", "_")}-${version}`;
  const metadata = [
    ...["Metadata-Version: 2.1", `Name: ${name}`, `Version: ${version}`],
    ...requires.map((one) => `Requires-Dist: ${one}`),
  ];
  const bytes = storedZip({
    ...modules,
    [`${stem}.dist-info/METADATA`]: `${metadata.join("\n")}\n`,
    [`${stem}.dist-info/WHEEL`]: "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    [`${stem}.dist-info/RECORD`]: "",
  });
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { name, file: `${stem}-py3-none-any.whl`, bytes, sha256 };
};

/** Serves these wheels as an index of Python packages does; `url` is what an index is named by. */
export const startIndex = async (wheels: readonly Wheel[]): Promise<Upstream & { url: string }> => {
  const upstream = await startUpstream((request, response) => {
    const [, folder, name = ""] =
      /^\/py\/(simple|files)\/([\w.-]+)\/?$/.exec(request.url ?? "") ?? [];
    const wheel = wheels.find(({ file }) => folder === "files" && file === name);
    const links = wheels
      .filter((one) => folder === "simple" && one.name === name)
      .map(({ file, sha256 }) => `<a href="../../files/${file}#sha256=${sha256}">${file}</a>`);
    if (wheel !== undefined) response.end(wheel.bytes);
    else if (links.length === 0) response.writeHead(404).end();
    else
      response
        .writeHead(200, { "content-type": "text/html" })
        .end(`<!DOCTYPE html>${links.join("\n")}`);
  });
  return { ...upstream, url: `http://127.0.0.1:${upstream.port}/py/simple` };
};

/** Packed without compression, which needs nothing but sums and lengths. */
const storedZip = (files: Readonly<Record<string, string>>): Buffer => {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [path, text] of Object.entries(files)) {
    const [name, data] = [Buffer.from(path), Buffer.from(text)];
    // version, flags, method, time, the first of January 1980, checksum, both sizes, length of the name, extra
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    const local = [Buffer.from("PK\x03\x04"), common, name, data];
    directory.push(Buffer.from("PK\x01\x02\x14\0", "latin1"), common, rest, name);
    bodies.push(...local);
    offset += local.reduce((sum, part) => sum + part.length, 0);
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(Object.keys(files).length, 4);
  end.writeUInt16LE(Object.keys(files).length, 6);
  end.writeUInt32LE(index.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...bodies, index, Buffer.from("PK\x05\x06"), end]);
};
