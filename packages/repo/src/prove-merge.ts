import type { LandingProof } from "@headrace/domain";
import type { Git } from "./git.ts";
import { mergeBase, mergeTrees } from "./merge-tree.ts";

const EPOCH = { GIT_AUTHOR_DATE: "@0 +0000", GIT_COMMITTER_DATE: "@0 +0000" };

/**
 * Paths in which a landing is not what it claims; none when it is. It asks nobody how the tree was made: onto the merge
 * base, found here, what the change did and what stood there before are each applied to the landed tree again, which
 * must alter nothing. Where text repeats itself git may place the same hunk twice; such a path must be what a fresh
 * merge from that base makes of it.
 */
export const unprovenPaths = async (git: Git, proof: LandingProof): Promise<string[]> => {
  const { before, change, landed, except = [] } = proof;
  const base = await mergeBase(git, before, change);
  if (base === undefined) return ["(there is no single merge base)"];
  /** The tree of a commit as if it had been made on the base at once. */
  const onBase = async (commit: string): Promise<string> => {
    const args = ["commit-tree", `${commit}^{tree}`, "-p", base, "-m", "proof"];
    return (await git.run(args, { env: EPOCH })).stdout.toString("utf8").trim();
  };
  const alteredBy = async (ours: string, theirs: string): Promise<string[]> =>
    differing(git, (await mergeTrees(git, ours, theirs)).tree, `${landed}^{tree}`);
  const standing = await onBase(landed);
  const altered = [
    ...(await alteredBy(standing, change)),
    ...(await alteredBy(standing, before)),
  ].filter((path) => !except.includes(path));
  if (altered.length === 0) return [];
  const afresh = await alteredBy(await onBase(before), change);
  return [...new Set(altered)].filter((path) => afresh.includes(path)).sort();
};

const differing = async (git: Git, a: string, b: string): Promise<string[]> => {
  const args = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", a, b];
  return (await git.run(args)).stdout.toString("utf8").split("\0").filter(Boolean);
};
