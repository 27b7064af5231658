import { open, readdir, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Flushes a file or a directory's entries to the disk. */
export const sync = async (path: string): Promise<void> => {
  await using handle = await open(path, "r");
  await handle.sync();
};

/** Flushes the directories from that of `path` up to and including `top`. */
export const syncUpTo = async (path: string, top: string): Promise<void> => {
  for (let dir = dirname(path); ; dir = dirname(dir)) {
    await sync(dir);
    if (dir === top || dir === dirname(dir)) return;
  }
};

/** Replaces a file's content in one step that survives a power cut. */
export const replaceFile = async (path: string, content: string): Promise<void> => {
  const next = `${path}.next`;
  {
    await using handle = await open(next, "w");
    await handle.writeFile(content);
    await handle.sync();
  }
  await rename(next, path);
  await sync(dirname(path));
};

/** File systems round time stamps; a directory touched this shortly before `since` is flushed as well. */
const CLOCK_GRAIN_MS = 2000;

/**
 * Flushes the directories of loose objects written since `since` (ms): git flushes the object files it writes
 * (`core.fsync=all`) but not the directories that name them.
 */
export const syncLooseObjects = async (objects: string, since: number): Promise<void> => {
  const fanOut = (await readdir(objects)).filter((name) => /^[0-9a-f]{2}$/.test(name));
  await Promise.all(
    fanOut.map(async (name) => {
      const dir = join(objects, name);
      if ((await stat(dir)).mtimeMs >= since - CLOCK_GRAIN_MS) await sync(dir);
    }),
  );
  await sync(objects);
};

/** A file or folder that is not there, rather than one that cannot be read. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  (error.code === "ENOENT" || error.code === "ENOTDIR");
