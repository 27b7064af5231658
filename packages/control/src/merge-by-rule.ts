import { type FactoryRepo, globMatcher, unionMerge } from "@headrace/domain";

/** What two commits come to: git's merge, with the files in it that a rule joined. `files` are still in conflict. */
export type RuledMerge = { tree: string; files: string[]; united: string[] };

/** A list that is longer is none that people read. */
const MAX_LIST = 2_000_000;

/** Merges as git does; of files declared as lists, those in conflict are joined where both sides only added lines. */
export const mergeByRule = async (
  repo: FactoryRepo,
  { ours, theirs, union }: { ours: string; theirs: string; union: readonly string[] },
): Promise<RuledMerge> => {
  const answer = await repo.merge(ours, theirs);
  if (answer.outcome === "clean") return { tree: answer.tree, files: [], united: [] };
  const declared = answer.files.filter(globMatcher(union));
  const joined = new Map<string, Uint8Array>();
  for (const path of declared) {
    const text = await unionOf(repo, { ours, theirs, path });
    if (text !== undefined) joined.set(path, Buffer.from(text));
  }
  if (joined.size === 0) return { tree: answer.tree, files: answer.files, united: [] };
  const parents = [ours, theirs];
  const marked = { tree: answer.tree, parents, message: "Marked conflicts", at: new Date(0) };
  const altered = await repo.alter(await repo.commit(marked), { files: joined });
  if (altered.outcome === "unfit") throw new Error(`${ours} and ${theirs}: ${altered.reason}`);
  const files = answer.files.filter((path) => !joined.has(path));
  return { tree: altered.tree, files, united: [...joined.keys()] };
};

/** A list as the rule joins it; undefined where it takes somebody who understands it. */
export const unionOf = async (
  repo: FactoryRepo,
  { ours, theirs, path }: { ours: string; theirs: string; path: string },
): Promise<string | undefined> => {
  const base = await repo.mergeBase(ours, theirs);
  if (base === undefined) return undefined;
  const [before, a, b] = await Promise.all(
    [base, ours, theirs].map((commit) => listAt(repo, commit, path)),
  );
  if (before === undefined || a === undefined || b === undefined) return undefined;
  return unionMerge(before, a, b);
};

const listAt = async (
  repo: FactoryRepo,
  commit: string,
  path: string,
): Promise<string | undefined> => {
  const bytes = await repo.read(commit, path);
  if (bytes === undefined || bytes.length > MAX_LIST || bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
};
