import { readFile, rm } from "node:fs/promises";
import { askHealth, createClient } from "@headrace/console";
import type { FactoryControl } from "@headrace/domain";
import { z } from "zod";
import { type DataDir, writePrivate } from "../data-dir.ts";

/** Characters of a token nobody guesses. */
export const MIN_TOKEN = 16;

/** How clients find the factory that owns a data directory. */
const ControlFile = z.object({
  url: z.url(),
  token: z.string().min(MIN_TOKEN),
  pid: z.number().int().positive(),
  boot: z.string(),
});
export type ControlFile = z.infer<typeof ControlFile>;

export const writeControlFile = (data: DataDir, file: ControlFile): Promise<void> =>
  writePrivate(data.control, `${JSON.stringify(file)}\n`);

/** Removes the file if it is still this boot's. */
export const removeControlFile = async (data: DataDir, boot: string): Promise<void> => {
  if ((await readControlFile(data))?.boot === boot) await rm(data.control, { force: true });
};

export const readControlFile = async (data: DataDir): Promise<ControlFile | undefined> => {
  const text = await readFile(data.control, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return ControlFile.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
};

const HEALTH_MS = 3_000;

/** A client of the factory that answers for the data directory now, if one does. */
export const connect = async (
  data: DataDir,
): Promise<{ control: FactoryControl; file: ControlFile } | undefined> => {
  const file = await readControlFile(data);
  if (file === undefined) return undefined;
  try {
    const { boot } = await askHealth({ url: file.url, token: file.token }, HEALTH_MS);
    if (boot !== file.boot) return undefined;
    return { control: createClient({ url: file.url, token: file.token }), file };
  } catch {
    return undefined;
  }
};
