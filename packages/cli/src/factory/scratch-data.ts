import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DataDir, dataDir } from "../data-dir.ts";

/** The data directory where there is one, for what it is set to; else one that is removed when it is closed. */
export const scratchData = async (data: DataDir): Promise<DataDir & AsyncDisposable> => {
  if (existsSync(data.root)) return { ...data, [Symbol.asyncDispose]: async () => undefined };
  const root = await mkdtemp(join(tmpdir(), "headrace-data-"));
  return {
    ...dataDir(root, {}),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
};
