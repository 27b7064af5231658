import { pack } from "tar-stream";

export type TarEntry = {
  path: string;
  uid: number;
  /** undefined: a folder */
  bytes?: Uint8Array;
  mode: number;
};

/** A tar in memory, for the engine's archive endpoint. */
export const makeTar = async (entries: readonly TarEntry[]): Promise<Buffer> => {
  const tar = pack();
  for (const { path, uid, bytes, mode } of entries) {
    const header = { name: path, mode, uid, gid: uid, mtime: new Date(0) };
    if (bytes === undefined) tar.entry({ ...header, type: "directory" });
    else tar.entry(header, Buffer.from(bytes));
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};
