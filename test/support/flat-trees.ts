import { git, gitBytes } from "./git.ts";

/** Files of a tree without folders, by name. */
export type Files = Record<string, string>;

/** What a commit holds; its tree must have no folders. */
export const filesOf = (bare: string, commit: string): Files => {
  const entries = git(bare, "ls-tree", commit)
    .split("\n")
    .filter(Boolean)
    .map((line) => /^\d+ blob (\S+)\t(.*)$/.exec(line) ?? []);
  const asked = entries.map(([, object]) => `${object}\n`).join("");
  const bytes = gitBytes(bare, ["cat-file", "--batch=%(objectsize)"], asked);
  const files: Files = {};
  let at = 0;
  for (const [, , name = ""] of entries) {
    const end = bytes.indexOf(0x0a, at);
    const size = Number(bytes.subarray(at, end).toString());
    files[name] = bytes.subarray(end + 1, end + 1 + size).toString("utf8");
    at = end + 1 + size + 1;
  }
  return files;
};

/** A commit on `parent` that holds exactly these files. */
export const commitFlat = (bare: string, parent: string, files: Files): string => {
  const before = filesOf(bare, parent);
  const kept = git(bare, "ls-tree", parent).split("\n");
  const entries = Object.entries(files).map(([name, text]) => {
    const line = before[name] === text ? kept.find((l) => l.endsWith(`\t${name}`)) : undefined;
    if (line !== undefined) return `${line}\n`;
    const blob = gitBytes(bare, ["hash-object", "-w", "--stdin"], text).toString("utf8").trim();
    return `100644 blob ${blob}\t${name}\n`;
  });
  const tree = gitBytes(bare, ["mktree"], entries.join("")).toString("utf8").trim();
  return git(bare, "commit-tree", tree, "-p", parent, "-m", "snapshot");
};
