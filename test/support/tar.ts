import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";

/** A tar of root's files and folders; without a text, a folder. */
export const tarOf = (
  entries: readonly { name: string; mode: number; text?: string }[],
): Promise<Buffer> => {
  const tar = pack();
  for (const { name, mode, text } of entries) {
    if (text === undefined) tar.entry({ name, mode, type: "directory" });
    else tar.entry({ name, mode }, text);
  }
  tar.finalize();
  return buffer(tar);
};
