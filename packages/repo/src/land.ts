import { branchRef, PRODUCT } from "@headrace/domain";
import { type Git, GitError, gitAt, type Place } from "./git.ts";
import { personalIdentity } from "./identity.ts";
import { type Located, locate, operationIn } from "./locate.ts";
import { mergeTrees } from "./merge-tree.ts";
import { openObjects } from "./object-reader.ts";
import { hasCommit } from "./objects.ts";
import { readRefOf } from "./refs.ts";
import { hooksOff } from "./view.ts";
import { worktreesOf } from "./worktrees.ts";

export type LandSpec = {
  /** the user's repository */
  path: string;
  /** the commit to land, already exported there */
  commit: string;
  /** target branch; undefined: the one checked out at `path` */
  into?: string;
  /** `fast-forward` never makes a commit, `merge` always does */
  mode: "fast-forward" | "merge";
  /** of the merge commit */
  message: string;
};

export type LandAnswer =
  /** `onto` is where the branch stood */
  | { outcome: "landed"; branch: string; commit: string; onto: string }
  /** the branch held the commit before */
  | { outcome: "already"; branch: string; commit: string }
  | { outcome: "conflict"; branch: string; files: string[] }
  /** the repository at `path` does not hold the commit */
  | { outcome: "missing"; path: string }
  | { outcome: "refused"; reason: string; remedy: string };

type Refusal = Extract<LandAnswer, { outcome: "refused" }>;

/**
 * Merges a commit into a branch of the user's repository, at the user's word: hooks stay off, the user's own filters,
 * drivers and identity act. Nothing is forced, and unless it answers `landed` nothing has changed.
 */
export const landInto = async (spec: LandSpec): Promise<LandAnswer> => {
  const at = await locate(spec.path);
  const git = await personalGit(at);
  using objects = openObjects(git);
  if (!(await hasCommit(objects, spec.commit))) return { outcome: "missing", path: at.path };
  const branch = spec.into ?? (await currentBranch(git));
  if (branch === undefined)
    return refuse("no branch is checked out", "Name the branch: --into BRANCH.");
  const ref = branchRef(branch);
  const tip = await readRefOf(git, ref);
  if (tip === undefined)
    return refuse(`there is no branch ${branch}`, `Create it first: git branch ${branch}`);
  if (await isAncestor(git, spec.commit, tip)) return { outcome: "already", branch, commit: tip };
  const target = { git, branch, ref, tip };
  const forward = await isAncestor(git, tip, spec.commit);
  if (spec.mode === "fast-forward" && !forward)
    return refuse(`${branch} has moved on`, "Land with a merge commit instead.");
  const merged = await mergeTrees(git, tip, spec.commit);
  if (merged.outcome === "conflict") return { outcome: "conflict", branch, files: merged.files };
  const tree = (await currentBranch(git)) === branch ? at.workTree : await otherTree(git, ref);
  if (tree !== undefined) return mergeInTree(spec, { ...target, tree });
  return mergeWithoutTree(spec, target, merged.tree);
};

const refuse = (reason: string, remedy: string): Refusal => ({
  outcome: "refused",
  reason,
  remedy,
});

/** Filters may download what they smudge, and a signature may ask for a passphrase. */
const LAND_TIMEOUT_MS = 600_000;

const personalGit = async (at: Located): Promise<Git> => {
  const place: Place = {
    gitDir: at.gitDir,
    ...(at.workTree === undefined ? {} : { workTree: at.workTree }),
    profile: "user",
  };
  const config = await hooksOff(gitAt(place));
  return gitAt({ ...place, config, env: await personalIdentity(place) });
};

const currentBranch = async (git: Git): Promise<string | undefined> => {
  const head = await git.run(["symbolic-ref", "--quiet", "--short", "HEAD"], { ok: [0, 1] });
  return head.code === 0 ? head.stdout.toString("utf8").trim() : undefined;
};

const isAncestor = async (git: Git, ancestor: string, commit: string): Promise<boolean> => {
  const answer = await git.run(["merge-base", "--is-ancestor", ancestor, commit], { ok: [0, 1] });
  return answer.code === 0;
};

const otherTree = async (git: Git, ref: string): Promise<string | undefined> =>
  (await worktreesOf(git)).find((tree) => tree.ref === ref)?.path;

type Target = { git: Git; branch: string; ref: string; tip: string };

const mergeInTree = async (
  spec: LandSpec,
  { branch, tip, tree }: Target & { tree: string },
): Promise<LandAnswer> => {
  const at = await locate(tree);
  const operation = await operationIn(at.gitDir);
  if (operation !== undefined)
    return refuse(`a ${operation} is in progress in ${tree}`, "Finish or abort it first.");
  const git = await personalGit(at);
  const status = await git.run(["status", "--porcelain", "-z", "--untracked-files=no"]);
  if (status.stdout.length > 0)
    return refuse(`${tree} has uncommitted changes`, "Commit or stash them first.");
  const how = spec.mode === "fast-forward" ? ["--ff-only"] : ["--no-ff", "-m", spec.message];
  const plain = [
    "--commit",
    "--no-squash",
    "--no-autostash",
    "--no-edit",
    "--no-verify",
    "--quiet",
  ];
  try {
    await git.run(["merge", ...plain, ...how, spec.commit], { timeoutMs: LAND_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    if ((await operationIn(at.gitDir)) === "merge") await git.run(["merge", "--abort"]);
    return refuse(error.message, `${branch} is as it was.`);
  }
  const head = await git.text(["rev-parse", "HEAD"]);
  return { outcome: "landed", branch, commit: head.trim(), onto: tip };
};

const mergeWithoutTree = async (
  spec: LandSpec,
  { git, branch, ref, tip }: Target,
  tree: string,
): Promise<LandAnswer> => {
  const parents = ["-p", tip, "-p", spec.commit];
  const made = ["commit-tree", tree, ...parents, "-F", "-"];
  const commit =
    spec.mode === "fast-forward"
      ? spec.commit
      : (await git.run(made, { stdin: spec.message })).stdout.toString("utf8").trim();
  try {
    await git.run(["update-ref", "-m", `${PRODUCT}: land`, ref, commit, tip]);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    return refuse(`${branch} was moved meanwhile`, "Try again.");
  }
  return { outcome: "landed", branch, commit, onto: tip };
};
