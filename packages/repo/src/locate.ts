import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { UserError } from "@headrace/domain";
import { isMissing } from "./durable.ts";

/** A repository's directories, found without asking git, which would read its configuration first. */
export type Located = {
  /** the work tree's top, or the bare repository */
  path: string;
  /** HEAD and the index; one for each linked work tree */
  gitDir: string;
  /** objects, refs and configuration */
  commonDir: string;
  /** undefined: bare */
  workTree?: string;
};

/** What to do where there is no repository: the caller may have something to do `instead`. */
export const remedyOr = (remedy: string, instead: string | undefined): string =>
  `${remedy}${instead === undefined ? "" : `, or ${instead}`}.`;

/** Finds the repository that holds `path`. Throws `UserError` where there is none. */
export const locate = async (path: string, instead?: string): Promise<Located> => {
  try {
    return await search(await realpath(path), { asked: path, instead });
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    if (isMissing(cause))
      throw new UserError(
        `there is no directory ${path}`,
        remedyOr("Name the repository's directory", instead),
        { cause },
      );
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(`${path} cannot be read: ${reason}`, "Check the permissions.", { cause });
  }
};

const search = async (
  start: string,
  { asked, instead }: { asked: string; instead: string | undefined },
): Promise<Located> => {
  if (!(await stat(start)).isDirectory())
    throw new UserError(`${asked} is a file`, "Give the repository's directory.");
  for (let dir = start; ; dir = dirname(dir)) {
    // as git does, `.git` before the folder itself: a tree may hold files named like those of a bare repository
    const gitDir = await gitDirOf(dir);
    if (gitDir !== undefined)
      return { path: dir, gitDir, commonDir: await commonDirOf(gitDir), workTree: dir };
    if (dir === start && (await isGitDir(start))) return atGitDir(start);
    if (dir === dirname(dir))
      throw new UserError(
        `${asked} is not in a git repository`,
        remedyOr(`Run "git init" and commit there`, instead),
      );
  }
};

/** `.git` named as the repository means its work tree; any other git directory is taken as bare. */
const atGitDir = async (dir: string): Promise<Located> => {
  const found = { gitDir: dir, commonDir: await commonDirOf(dir) };
  return basename(dir) === ".git"
    ? { ...found, path: dirname(dir), workTree: dirname(dir) }
    : { ...found, path: dir };
};

const isGitDir = async (dir: string): Promise<boolean> => {
  const names = new Set(await readdir(dir));
  return (
    names.has("HEAD") && (names.has("commondir") || (names.has("objects") && names.has("refs")))
  );
};

/** `.git` is a directory, or in linked work trees and submodules a file that says where it is. */
const gitDirOf = async (dir: string): Promise<string | undefined> => {
  const dotGit = join(dir, ".git");
  const kind = await stat(dotGit).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (kind === undefined) return undefined;
  if (kind.isDirectory()) return (await isGitDir(dotGit)) ? dotGit : undefined;
  const [, target] = /^gitdir: (.+)/.exec(await readFile(dotGit, "utf8")) ?? [];
  if (target === undefined) throw new UserError(`${dotGit} is not a git file`);
  const gitDir = resolve(dir, target);
  const known = await isGitDir(gitDir).catch(() => false);
  if (known) return gitDir;
  throw new UserError(
    `${dotGit} points to ${gitDir}, where no repository is`,
    `Run "git worktree repair" in the main repository.`,
  );
};

const commonDirOf = async (gitDir: string): Promise<string> => {
  try {
    return resolve(gitDir, (await readFile(join(gitDir, "commondir"), "utf8")).trim());
  } catch (error) {
    if (isMissing(error)) return gitDir;
    throw error;
  }
};

const OPERATIONS: ReadonlyArray<readonly [file: string, name: string]> = [
  ["rebase-merge", "rebase"],
  ["rebase-apply", "rebase"],
  ["MERGE_HEAD", "merge"],
  ["CHERRY_PICK_HEAD", "cherry-pick"],
  ["REVERT_HEAD", "revert"],
  ["BISECT_LOG", "bisect"],
];

/** What the person has begun in this work tree and not ended. */
export const operationIn = async (gitDir: string): Promise<string | undefined> => {
  const names = new Set(await readdir(gitDir));
  return OPERATIONS.find(([file]) => names.has(file))?.[1];
};
