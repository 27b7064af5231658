import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { branchRef, PRODUCT, UserError } from "@headrace/domain";
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
};

type Refusal = { outcome: "refused"; reason: string; remedy: string };

/** A merge that can be made. */
export type LandPlan = {
  outcome: "ready";
  branch: string;
  /** where the branch stands */
  onto: string;
  /** what it will hold, to the last byte */
  tree: string;
  /** A commit of that tree on both parents, which no ref names: for whoever looks at it before it counts. */
  candidate(): Promise<string>;
  /** Moves the branch, unless it is no longer where it stood. `message` is the merge commit's; a fast-forward has none. */
  carryOut(message: string): Promise<LandAnswer>;
};

type LandAnswer = { outcome: "landed"; branch: string; commit: string } | Refusal;

/** Why there is nothing to merge, or no merge. */
export type LandObstacle =
  /** the branch held the commit before */
  | { outcome: "already"; branch: string; commit: string }
  | { outcome: "conflict"; branch: string; files: string[] }
  /** the repository at `path` does not hold the commit */
  | { outcome: "missing"; path: string }
  | Refusal;

/**
 * What merging a commit into a branch of the user's repository comes to, by objects alone. The merge is made at the
 * user's word: hooks stay off, the user's own filters, drivers, signing and identity act. Nothing is forced, and unless
 * it answers `landed` no ref, index or file has changed.
 */
export const planLanding = async (spec: LandSpec): Promise<LandPlan | LandObstacle> => {
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
  const target: Target = { at, git, branch, ref, tip };
  const place = await placeOf(target);
  if ("outcome" in place) return place;
  if (spec.mode === "fast-forward" && !(await isAncestor(git, tip, spec.commit)))
    return refuse(
      `${branch} has moved on, so that it cannot be forwarded`,
      "Land with a merge commit instead.",
    );
  const merged = await mergeTrees(git, tip, spec.commit);
  if (merged.outcome === "conflict") return { outcome: "conflict", branch, files: merged.files };
  const { tree } = merged;
  return {
    outcome: "ready",
    branch,
    onto: tip,
    tree,
    candidate: () => commitOf(target, spec, { tree, message: "Merge to be verified\n", sign: [] }),
    carryOut: (message) => carryOut(target, spec, { tree, message }),
  };
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
  const action = { GIT_REFLOG_ACTION: `${PRODUCT} land` };
  return gitAt({ ...place, config, env: { ...(await personalIdentity(place)), ...action } });
};

const currentBranch = async (git: Git): Promise<string | undefined> => {
  const head = await git.run(["symbolic-ref", "--quiet", "--short", "HEAD"], { ok: [0, 1] });
  return head.code === 0 ? head.stdout.toString("utf8").trim() : undefined;
};

const isAncestor = async (git: Git, ancestor: string, commit: string): Promise<boolean> => {
  const answer = await git.run(["merge-base", "--is-ancestor", ancestor, commit], { ok: [0, 1] });
  return answer.code === 0;
};

type Target = { at: Located; git: Git; branch: string; ref: string; tip: string };
type WorkTree = { path: string; git: Git };

/** The work tree that has the branch checked out, if one has, fit to be merged in. */
const placeOf = async (target: Target): Promise<{ tree: WorkTree | undefined } | Refusal> => {
  const { at, git, branch, ref } = target;
  const here = (await currentBranch(git)) === branch ? at.workTree : undefined;
  const trees = await worktreesOf(git);
  const path = here ?? trees.find((tree) => tree.ref === ref)?.path;
  if (path !== undefined) return fitTree(path, branch);
  for (const { path: other } of trees) {
    const busy = await begunIn(other, ref);
    if (busy !== undefined)
      return refuse(
        `a ${busy} of ${branch} is in progress in ${other}`,
        "Finish or abort it first.",
      );
  }
  return { tree: undefined };
};

const fitTree = async (path: string, branch: string): Promise<{ tree: WorkTree } | Refusal> => {
  const at = await located(path);
  if (at === undefined)
    return refuse(
      `${branch} is checked out in ${path}, which is not there`,
      "If that work tree is gone for good: git worktree prune",
    );
  const operation = await operationIn(at.gitDir);
  if (operation !== undefined)
    return refuse(`a ${operation} is in progress in ${path}`, "Finish or abort it first.");
  const git = await personalGit(at);
  if (await isDirty(git))
    return refuse(`${path} has uncommitted changes`, "Commit or stash them first.");
  return { tree: { path, git } };
};

const isDirty = async (git: Git): Promise<boolean> => {
  const status = await git.run(["status", "--porcelain", "-z", "--untracked-files=no"]);
  return status.stdout.length > 0;
};

/** Undefined where a work tree's folder has gone. */
const located = async (path: string): Promise<Located | undefined> => {
  try {
    return await locate(path);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
};

/** While a branch is rebased or bisected no work tree has it checked out, and it is not to be moved either. */
const begunIn = async (path: string, ref: string): Promise<string | undefined> => {
  const at = await located(path);
  const operation = at && (await operationIn(at.gitDir));
  if (at === undefined || operation === undefined) return undefined;
  const files = ["rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"];
  const names = await Promise.all(
    files.map((file) => readFile(join(at.gitDir, file), "utf8").catch(() => "")),
  );
  return names.some((name) => [ref, ref.slice(branchRef("").length)].includes(name.trim()))
    ? operation
    : undefined;
};

type Made = { tree: string; message: string };

/** A fast-forward goes to the commit itself; a merge is made of objects, so that it is the tree that was looked at. */
const commitOf = async (
  { git, tip }: Target,
  { commit, mode }: LandSpec,
  { tree, message, sign }: Made & { sign: readonly string[] },
): Promise<string> => {
  if (mode === "fast-forward") return commit;
  const args = ["commit-tree", tree, "-p", tip, "-p", commit, ...sign, "-F", "-"];
  const made = await git.run(args, { stdin: message, timeoutMs: LAND_TIMEOUT_MS });
  return made.stdout.toString("utf8").trim();
};

/** As `git merge` would: the plumbing that makes commits does not look at the setting. */
const signatureOf = async (git: Git): Promise<string[]> => {
  const asked = await git.run(["config", "--type=bool", "--get", "commit.gpgSign"], { ok: [0, 1] });
  return asked.stdout.toString("utf8").trim() === "true" ? ["-S"] : [];
};

const carryOut = async (target: Target, spec: LandSpec, made: Made): Promise<LandAnswer> => {
  const { git, branch, ref, tip } = target;
  const moved = refuse(`${branch} was moved meanwhile`, "Try again.");
  try {
    const commit = await commitOf(target, spec, { ...made, sign: await signatureOf(git) });
    // a person may have gone on working while gates ran
    const place = await placeOf(target);
    if ("outcome" in place) return place;
    if ((await readRefOf(git, ref)) !== tip) return moved;
    if (place.tree !== undefined) return await forward(place.tree, { branch, commit });
    await git.run(["update-ref", "-m", `${PRODUCT}: land`, ref, commit, tip]);
    return { outcome: "landed", branch, commit };
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    return (await readRefOf(git, ref)) === tip
      ? refuse(error.message, `${branch} is as it was.`)
      : moved;
  }
};

/** Whatever a person has set for merges, this one is the commit that is there already; ignored files are kept as well. */
const FORWARD = [
  "merge",
  "--ff-only",
  "--commit",
  "--no-squash",
  "--no-autostash",
  "--no-overwrite-ignore",
  "--no-verify",
  "--quiet",
];

const forward = async (
  { path, git }: WorkTree,
  { branch, commit }: { branch: string; commit: string },
): Promise<LandAnswer> => {
  try {
    await git.run([...FORWARD, commit], { timeoutMs: LAND_TIMEOUT_MS });
    return { outcome: "landed", branch, commit };
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    // a filter that fails ends git between two files
    const remedy = (await isDirty(git))
      ? `${branch} is as it was, but files were written in ${path} before git failed. Bring them back: git restore .`
      : `${branch} is as it was.`;
    return refuse(error.message, remedy);
  }
};
