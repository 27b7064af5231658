import { expect } from "vitest";
import { fingerprint } from "./fingerprint.ts";
import { git } from "./git.ts";

const OURS = "refs/heads/headrace/";

/** The factory's refs, their reflogs, and objects, which are looked at by name. */
const isOurs = (path: string): boolean =>
  path.startsWith(`.git/${OURS}`) ||
  path.startsWith(`.git/logs/${OURS}`) ||
  path.startsWith(".git/objects/");

const objects = (repo: string, ...args: string[]): Set<string> =>
  new Set(
    git(repo, ...args)
      .split("\n")
      .map((line) => line.slice(0, 40)),
  );

const allObjects = (repo: string): Set<string> =>
  objects(repo, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)");

/**
 * Remembers every byte of a repository's work tree and `.git`; the returned function fails unless all of it is still
 * there, with nothing added but the factory's refs, their reflogs and the objects they reach.
 */
export const rememberRepository = async (repo: string): Promise<() => Promise<void>> => {
  const files = await fingerprint(repo, isOurs);
  const stored = await fingerprint(`${repo}/.git/objects`);
  const known = allObjects(repo);
  return async () => {
    expect(await fingerprint(repo, isOurs)).toEqual(files);
    expect(await fingerprint(`${repo}/.git/objects`)).toMatchObject(stored);
    const reached = objects(repo, "rev-list", "--objects", `--glob=${OURS}*`);
    const added = [...allObjects(repo)].filter((id) => !known.has(id));
    expect(added).not.toEqual([]);
    expect(added.filter((id) => !reached.has(id))).toEqual([]);
  };
};
