import { join, resolve } from "node:path";
import {
  type CommitSpec,
  type DiffStat,
  type FactoryRepo,
  HostileTreeError,
  InfrastructureError,
  RefMovedError,
  UserError,
} from "@headrace/domain";
import { alterTree } from "./alter-tree.ts";
import { replaceFile, syncLooseObjects, syncUpTo } from "./durable.ts";
import { type Git, GitError } from "./git.ts";
import { markClosed, type ObjectFormat, prepare } from "./housekeeping.ts";
import { lineChanges } from "./line-changes.ts";
import { mergeBase, mergeTrees } from "./merge-tree.ts";
import { type ObjectReader, openObjects } from "./object-reader.ts";
import {
  hasCommit,
  heldCommits,
  listSized,
  listTree,
  packOf,
  readCommits,
  readFileAt,
  treeOf,
} from "./objects.ts";
import { unprovenPaths } from "./prove-merge.ts";
import { openQuarantine, readShallow, refuseHostileTree } from "./quarantine.ts";
import { moveRefBy, readRefOf } from "./refs.ts";
import { tarOf } from "./tar.ts";

export type OpenedFactoryRepo = FactoryRepo &
  AsyncDisposable & {
    /** Says that nothing was left half done; without it the next open checks the repository. */
    close(): Promise<void>;
  };

/**
 * Opens the factory's bare repository at `dir`, creating it where there is none. The caller is its only writer: locks
 * found are stale and removed, and after an unclean stop the objects every ref needs are checked. Throws
 * `InfrastructureError` where it is damaged, `UserError` where git is missing or too old.
 */
export const openFactoryRepo = async (options: {
  dir: string;
  /** names of the target's objects; an existing repository keeps its own */
  objectFormat?: ObjectFormat;
}): Promise<OpenedFactoryRepo> => {
  const gitDir = resolve(options.dir);
  const git = await prepare(gitDir, options.objectFormat ?? "sha1");
  const format = (await git.text(["rev-parse", "--show-object-format"])).trim();
  const idLength = format === "sha256" ? 64 : 40;
  return bareRepo({ gitDir, git, objects: openObjects(git), idLength, exclusive: oneByOne() });
};

type Ground = {
  gitDir: string;
  git: Git;
  objects: ObjectReader;
  idLength: number;
  /** writers of refs and of the shallow list wait for each other */
  exclusive: <T>(work: () => Promise<T>) => Promise<T>;
};

const oneByOne = () => {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
};

const bareRepo = (ground: Ground): OpenedFactoryRepo => {
  const { git, gitDir, objects } = ground;
  const close = () => {
    objects[Symbol.dispose]();
    return markClosed(gitDir);
  };
  const write = async <T>(work: () => Promise<T>): Promise<T> => {
    const since = Date.now();
    const result = await work();
    await syncLooseObjects(join(gitDir, "objects"), since);
    return result;
  };
  return {
    putPack: (pack, commit, { boundary = false } = {}) =>
      ground.exclusive(() => takeIn(ground, pack, commit, boundary)),
    getPack: async (commit, have) =>
      packOf(git, [commit], { without: await heldCommits(objects, have) }),
    has: (commit) => hasCommit(objects, commit),
    treeOf: (commit) => treeOf(objects, commit),
    parentsOf: async (commit) => parentsOf(objects, await readShallow(gitDir), commit),
    list: (commit) => listTree(objects, commit),
    read: (commit, path) => readFileAt(objects, commit, path),
    tar: (commit, options) => tarOf(objects, commit, options),
    commit: (spec) => write(() => commitTree(git, spec)),
    alter: (commit, alteration) => write(() => alterTree(git, objects, commit, alteration)),
    merge: (ours, theirs) => write(() => mergeTrees(git, ours, theirs)),
    mergeBase: (a, b) => mergeBase(git, a, b),
    unproven: (proof) => write(() => unprovenPaths(git, proof)),
    diff: (from, to, maxBytes, paths = []) => diff(git, { from, to, maxBytes, paths }),
    diffStat: (from, to) => diffStat(git, from, to),
    lineChanges: (from, to) => lineChanges(git, from, to),
    readRef: (ref) => readRefOf(git, ref),
    moveRef: (ref, to, expected) => ground.exclusive(() => moveRef(ground, ref, to, expected)),
    landings: (ref, until) => landings(git, ref, until),
    close,
    [Symbol.asyncDispose]: close,
  };
};

/** A boundary has no parents here. */
const parentsOf = async (
  objects: ObjectReader,
  shallow: readonly string[],
  commit: string,
): Promise<string[]> => {
  const [read] = await readCommits(objects, [commit]);
  return shallow.includes(commit) ? [] : (read?.parents ?? []);
};

/**
 * Two things hold of the store. It is closed: a pack is let in only when every object it holds links to objects that
 * it holds or the store has, boundaries excepted. And every commit in it was judged: also those that a pack brings
 * beside the one it was sent for. So a commit that is there needs no second look.
 */
const takeIn = async (
  { gitDir, objects, idLength }: Ground,
  pack: Uint8Array,
  commit: string,
  boundary: boolean,
): Promise<void> => {
  if (commit.length !== idLength)
    throw new UserError(
      `the repository names objects by ${commit.length} digits, the factory's copy by ${idLength}`,
      "Give a repository of the other object format a data directory of its own.",
    );
  if (await hasCommit(objects, commit)) return;
  const shallow = [...(await readShallow(gitDir)), ...(boundary ? [commit] : [])];
  await using quarantine = await openQuarantine({ gitDir, idLength }, shallow);
  await quarantine.index(pack);
  if (!(await hasCommit(quarantine.objects, commit)))
    throw new HostileTreeError([`the pack does not hold the commit ${commit}`]);
  for (const one of await newCommits(objects, await quarantine.commits())) {
    // a boundary has no parents here, so all of a base is judged, and of a change what is new in it
    const [parent] = await parentsOf(quarantine.objects, shallow, one);
    const before = parent === undefined ? [] : await listSized(quarantine.objects, parent);
    await refuseHostileTree(quarantine.objects, one, boundary ? "base" : "change", before);
  }
  if (boundary)
    await replaceFile(join(gitDir, "shallow"), shallow.map((line) => `${line}\n`).join(""));
  await quarantine.migrate();
};

/** Code moves one commit at a time; more than these are not a snapshot but somebody's history. */
const MAX_NEW_COMMITS = 100;

const newCommits = async (objects: ObjectReader, brought: readonly string[]): Promise<string[]> => {
  const held = new Set(await heldCommits(objects, brought.slice(0, 2 * MAX_NEW_COMMITS)));
  const fresh = brought.filter((commit) => !held.has(commit));
  if (fresh.length <= MAX_NEW_COMMITS) return fresh;
  throw new HostileTreeError([
    `more than ${MAX_NEW_COMMITS} commits: send one without its history`,
  ]);
};

const commitTree = async (git: Git, spec: CommitSpec): Promise<string> => {
  const date = `@${Math.floor(spec.at.getTime() / 1000)} +0000`;
  const { stdout } = await git.run(
    ["commit-tree", spec.tree, ...spec.parents.flatMap((parent) => ["-p", parent]), "-F", "-"],
    { stdin: spec.message, env: { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date } },
  );
  return stdout.toString("utf8").trim();
};

const PLAIN_DIFF = ["--no-ext-diff", "--no-textconv", "--no-color"];

type Wanted = { from: string; to: string; maxBytes: number; paths: readonly string[] };

const diff = async (git: Git, { from, to, maxBytes, paths }: Wanted) => {
  const { stdout, truncated } = await git.run(
    ["diff-tree", "-r", "-p", "-M", ...PLAIN_DIFF, from, to, "--", ...paths],
    { maxBytes, truncate: true },
  );
  const end = truncated ? stdout.lastIndexOf(0x0a) + 1 : stdout.length;
  return { text: stdout.toString("utf8", 0, end), truncated };
};

const diffStat = async (git: Git, from: string, to: string): Promise<DiffStat[]> => {
  const args = ["diff-tree", "-r", "-z", "--numstat", "--no-renames", ...PLAIN_DIFF, from, to];
  const { stdout } = await git.run(args);
  const lines = stdout.toString("utf8").split("\0").filter(Boolean);
  return lines.map((line) => {
    const [added = "-", removed = "-", ...path] = line.split("\t");
    const count = (value: string) => (value === "-" ? null : Number(value));
    return { path: path.join("\t"), added: count(added), removed: count(removed) };
  });
};

const moveRef = async (
  { git, gitDir, idLength }: Ground,
  ref: string,
  to: string,
  expected: string | undefined,
): Promise<void> => {
  try {
    await moveRefBy(git, { ref, to, expected: expected ?? "0".repeat(idLength) });
  } catch (cause) {
    if (!(cause instanceof GitError)) throw cause;
    const actual = await readRefOf(git, ref);
    if (actual !== expected) throw new RefMovedError(ref, expected, actual);
    throw new InfrastructureError(`${ref} could not be moved: ${cause.message}`, { cause });
  }
  await syncUpTo(join(gitDir, ref), gitDir);
};

const landings = async (git: Git, ref: string, until: string) => {
  const args = ["log", "--first-parent", "-z", "--format=%H%n%P%n%B", "--end-of-options"];
  const { stdout } = await git.run([...args, ref, `^${until}`]);
  return stdout
    .toString("utf8")
    .split("\0")
    .filter(Boolean)
    .map((entry) => {
      const [commit = "", parents = "", ...message] = entry.split("\n");
      return {
        commit,
        message: message.join("\n").trimEnd(),
        parents: parents.split(" ").filter(Boolean),
      };
    });
};
