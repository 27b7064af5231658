import type { Git } from "./git.ts";

export type Worktree = { path: string; ref?: string };

/** The repository's work trees and the branch each has checked out. */
export const worktreesOf = async (git: Git): Promise<Worktree[]> => {
  const listing = await git.text(["worktree", "list", "--porcelain", "-z"]);
  return listing
    .split("\0\0")
    .filter(Boolean)
    .map((block) => {
      const facts = new Map(
        block.split("\0").map((line) => {
          const space = line.indexOf(" ");
          return space === -1 ? [line, ""] : [line.slice(0, space), line.slice(space + 1)];
        }),
      );
      const ref = facts.get("branch");
      return { path: facts.get("worktree") ?? "", ...(ref === undefined ? {} : { ref }) };
    });
};
