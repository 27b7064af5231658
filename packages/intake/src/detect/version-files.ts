import { readText, type Tree } from "../tree.ts";

/** What a file says about the version of a tool. */
export type Wish = { version: string; from: string };

/** The first line of a file that is neither empty nor a comment. */
const firstLine = async (tree: Tree, path: string): Promise<string | undefined> =>
  (await readText(tree, path))
    ?.split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .find((line) => line !== "");

const inToolVersions = async (tree: Tree, names: readonly string[]): Promise<string | undefined> =>
  (await readText(tree, ".tool-versions"))
    ?.split("\n")
    .map((line) => line.replace(/#.*/, "").trim().split(/\s+/))
    .find(([name = ""]) => names.includes(name))?.[1];

/** The versions that files made for it name, the first file first. */
export const versionFiles = async (
  { tree, paths }: { tree: Tree; paths: ReadonlySet<string> },
  tool: { files: readonly string[]; names: readonly string[] },
): Promise<Wish[]> => {
  const wishes: Wish[] = [];
  for (const from of tool.files) {
    const version = paths.has(from) ? await firstLine(tree, from) : undefined;
    if (version !== undefined) wishes.push({ version, from });
  }
  const version = paths.has(".tool-versions") ? await inToolVersions(tree, tool.names) : undefined;
  return version === undefined ? wishes : [...wishes, { version, from: ".tool-versions" }];
};
