import type { LandingProof } from "@headrace/domain";
import type { Git } from "./git.ts";
import { mergeTrees } from "./merge-tree.ts";

const EPOCH = { GIT_AUTHOR_DATE: "@0 +0000", GIT_COMMITTER_DATE: "@0 +0000" };

/**
 * Paths in which a landing is not what it claims; none when it is. It says nothing of how the tree was made: from the
 * merge base, what the change did and what stood there before are each applied to the landed tree again, which must
 * alter nothing. Where text repeats itself git may place a hunk twice, so the change's own patch, found again as the
 * landed difference, shows the same.
 */
export const unprovenPaths = async (git: Git, proof: LandingProof): Promise<string[]> => {
  const { before, change, landed, except = [] } = proof;
  const bases = await git.run(["merge-base", "--all", before, change], { ok: [0, 1] });
  const [base = "", ...more] = bases.stdout.toString("utf8").split("\n").filter(Boolean);
  if (base === "" || more.length > 0) return ["(there is no single merge base)"];
  const args = ["commit-tree", `${landed}^{tree}`, "-p", base, "-m", "proof"];
  const standing = (await git.run(args, { env: EPOCH })).stdout.toString("utf8").trim();
  const altered = new Set<string>();
  for (const side of [change, before]) {
    const { tree } = await mergeTrees(git, standing, side);
    for (const path of await differing(git, tree, `${landed}^{tree}`)) altered.add(path);
  }
  const unproven = [...altered].filter((path) => !except.includes(path)).sort();
  if (unproven.length === 0 || except.length > 0) return unproven;
  const same = (await patchId(git, before, landed)) === (await patchId(git, base, change));
  return same ? [] : unproven;
};

const PLAIN = ["--no-ext-diff", "--no-textconv", "--no-color", "--no-renames"];

const differing = async (git: Git, a: string, b: string): Promise<string[]> => {
  const { stdout } = await git.run(["diff-tree", "-r", "-z", "--name-only", ...PLAIN, a, b]);
  return stdout.toString("utf8").split("\0").filter(Boolean);
};

/** Of all that differs between two commits, whitespace included; their names and where hunks lie do not count. */
const patchId = async (git: Git, from: string, to: string): Promise<string> => {
  const diff = ["diff-tree", "-r", "-p", "-U0", "--binary", "--full-index", ...PLAIN, from, to];
  const { stdout } = await git.run(diff);
  const answer = await git.run(["patch-id", "--verbatim"], { stdin: stdout });
  return answer.stdout.toString("utf8").split(" ")[0] ?? "";
};
