import { constants } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";

const { O_RDONLY, O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK } = constants;
const ABSENT = new Set(["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "ENXIO", "ENAMETOOLONG"]);

/** The first bytes of a regular file. O_NONBLOCK: opening a fifo must not wait for its writer. */
export async function readFile({ path, maxBytes }) {
  let file;
  try {
    file = await open(resolve(path), O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if (ABSENT.has(error.code)) return { found: false, size: 0 };
    throw error;
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return { found: false, size: 0 };
    // files under /proc have size 0 and yet something to read
    const buffer = Buffer.alloc(stat.size === 0 ? maxBytes : Math.min(stat.size, maxBytes));
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await file.read(buffer, filled, buffer.length - filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    const body = buffer.subarray(0, filled);
    return { found: true, size: Math.max(stat.size, filled), body };
  } finally {
    await file.close();
  }
}

export async function writeFile({ path }, bytes) {
  const target = resolve(path);
  await mkdir(dirname(target), { recursive: true });
  const file = await open(target, O_WRONLY | O_CREAT | O_NONBLOCK | O_TRUNC, 0o666);
  try {
    if (!(await file.stat()).isFile()) throw new Error(`${path} is not a regular file`);
    await file.writeFile(bytes);
  } finally {
    await file.close();
  }
}
