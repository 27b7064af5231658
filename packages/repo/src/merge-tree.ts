import type { MergeAnswer } from "@headrace/domain";
import type { Git } from "./git.ts";

/**
 * Merges two commits without index or work tree. In a bare repository git reads attributes from no tree, so
 * `merge=union`, `merge=ours` and drivers named in `.gitattributes` do not act there: every file is merged as text
 * and a conflict is always seen.
 */
export const mergeTrees = async (git: Git, ours: string, theirs: string): Promise<MergeAnswer> => {
  const { code, stdout } = await git.run(
    ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs],
    { ok: [0, 1] },
  );
  const [tree = "", ...files] = stdout.toString("utf8").split("\0").filter(Boolean);
  if (code === 0) return { outcome: "clean", tree };
  return { outcome: "conflict", tree, files: [...new Set(files)] };
};

/** The one commit where two parted; undefined where there is none, or more than one. */
export const mergeBase = async (git: Git, a: string, b: string): Promise<string | undefined> => {
  const { stdout } = await git.run(["merge-base", "--all", a, b], { ok: [0, 1] });
  const [base, ...more] = stdout.toString("utf8").split("\n").filter(Boolean);
  return more.length > 0 ? undefined : base;
};
