import { z } from "zod";
import { defineTool, ToolError } from "../tool.ts";
import { readUtf8, writeText } from "./files.ts";

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split("\n").length;

const occurrences = (text: string, wanted: string): number[] => {
  const found: number[] = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
    found.push(at);
  }
  return found;
};

/** Why `old` does not stand in the file, as far as code can tell. */
const missing = (path: string, text: string, old: string): string => {
  if (text.includes("\r\n") && occurrences(text.replaceAll("\r\n", "\n"), old).length > 0) {
    return `${path} ends its lines with \\r\\n: write old and new with \\r\\n too`;
  }
  const first = old
    .split("\n")
    .find((line) => line.trim() !== "")
    ?.trim();
  const near = text.split("\n").findIndex((line) => first !== undefined && line.trim() === first);
  if (near >= 0) {
    return `old does not stand in ${path} as given, but its first line matches line ${near + 1} apart from white space or what follows: read the file there and copy it exactly`;
  }
  return `old does not stand in ${path}: read the file and copy the text exactly`;
};

export const edit = defineTool({
  name: "edit",
  description:
    "Replaces one piece of text in a file. old must occur exactly once: include enough lines around it to make it unique, without line numbers.",
  input: z.object({
    path: z.string().min(1).max(4096),
    old: z.string().min(1).max(200_000),
    new: z.string().max(200_000),
  }),
  mutates: true,
  detail: ({ path }) => path,
  run: async ({ path, old, new: replacement }, { sandbox }) => {
    if (old === replacement) throw new ToolError("old and new are the same: nothing to change");
    const text = await readUtf8(sandbox, path);
    const [at, ...others] = occurrences(text, old);
    if (at === undefined) throw new ToolError(missing(path, text, old));
    if (others.length > 0) {
      const lines = [at, ...others].slice(0, 10).map((offset) => lineAt(text, offset));
      throw new ToolError(
        `old occurs ${others.length + 1} times in ${path} (lines ${lines.join(", ")}): include more of the lines around the one you mean`,
      );
    }
    await writeText(sandbox, path, text.slice(0, at) + replacement + text.slice(at + old.length));
    return { text: `replaced the text at line ${lineAt(text, at)} of ${path}`, ok: true };
  },
});
