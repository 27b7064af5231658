import { posix } from "node:path";
import type { Guidance } from "@headrace/domain";
import { filesOf, readText, type Tree } from "./tree.ts";

const NAMES = ["AGENTS.md", "CLAUDE.md"];
const MAX_BYTES = 8 * 1024;
const MAX_FILES = 200;
const SKIPPED = /(?:^|\/)(?:node_modules|vendor|\.git|\.venv)\//;

const folderOf = (path: string): string => {
  const folder = posix.dirname(path);
  return folder === "." ? "" : folder;
};

/** Cuts after the last whole line that fits, and says so. */
const bounded = (text: string): string => {
  const bytes = Buffer.from(text);
  if (bytes.byteLength <= MAX_BYTES) return text;
  const note = `(cut here: ${bytes.byteLength} bytes, of which agents see ${MAX_BYTES})`;
  const head = bytes.subarray(0, MAX_BYTES - note.length - 2);
  const end = head.lastIndexOf("\n");
  // a single long line has no end to cut at; a sequence cut in half is dropped
  const kept = new TextDecoder().decode(end > 0 ? head.subarray(0, end) : head);
  return `${kept.replace(/\uFFFD$/, "")}\n\n${note}`;
};

/** A file that is nothing but an import stands for the file it imports. */
const imported = (path: string, text: string): string | undefined => {
  const target = /^@(\S+)$/.exec(text.trim())?.[1];
  return target === undefined ? undefined : posix.join(folderOf(path), target);
};

const guidanceAt = async (
  tree: Tree,
  present: ReadonlySet<string>,
  folder: string,
): Promise<Guidance | undefined> => {
  for (const name of NAMES) {
    const own = posix.join(folder, name);
    const text = present.has(own) ? await readText(tree, own) : undefined;
    if (text === undefined) continue;
    const target = imported(own, text);
    const path = target !== undefined && present.has(target) ? target : own;
    const content = path === own ? text : await readText(tree, path);
    if (content !== undefined && content.trim() !== "")
      return { path, folder, text: bounded(content) };
  }
  return undefined;
};

/** What a repository tells those who change it: AGENTS.md, else CLAUDE.md, by folder, the root first. */
export const collectGuidance = async (tree: Tree): Promise<Guidance[]> => {
  const paths = await filesOf(tree);
  const present = new Set(paths);
  const folders = new Set(
    paths
      .filter((path) => NAMES.includes(posix.basename(path)) && !SKIPPED.test(path))
      .map(folderOf),
  );
  const depth = (folder: string): number => (folder === "" ? 0 : folder.split("/").length);
  const order = [...folders].sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
  const found: Guidance[] = [];
  for (const folder of order.slice(0, MAX_FILES)) {
    const guidance = await guidanceAt(tree, present, folder);
    if (guidance !== undefined) found.push(guidance);
  }
  return found;
};

/** The root's guidance and, for each path, the nearest one above it; the root first. */
export const guidanceFor = (
  guidance: readonly Guidance[],
  paths: readonly string[],
): Guidance[] => {
  const above = (path: string): Guidance | undefined =>
    guidance
      .filter(({ folder }) => folder !== "" && (path === folder || path.startsWith(`${folder}/`)))
      .sort((a, b) => b.folder.length - a.folder.length)[0];
  const chosen = new Set([guidance.find(({ folder }) => folder === ""), ...paths.map(above)]);
  return guidance.filter((one) => chosen.has(one));
};
