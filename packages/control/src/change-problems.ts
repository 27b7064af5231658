import {
  droppedAdditions,
  type FactoryRepo,
  isLockfile,
  type Policy,
  type StepInputOf,
  type Task,
  type TreeEntry,
} from "@headrace/domain";
import { checkTampering, proxyAddress, type TamperCheck } from "@headrace/verify";

type Change = StepInputOf<"change">;
type Bench = { repo: FactoryRepo; task: Task; policy: Policy };

/** What is said of a snapshot: `problems` keep it from becoming a change, the rest goes with the change to its reviewer. */
export const judgeSnapshot = async (
  bench: Bench,
  input: Change,
  changed: readonly string[],
): Promise<TamperCheck> => {
  const { repo } = bench;
  const check = await tampering(bench, input, changed);
  return {
    ...check,
    problems: [
      ...(input.only === undefined ? unchanged(changed) : await strayed(repo, input)),
      ...(await lost(repo, input)),
      ...check.problems,
      ...(await proxied(repo, input, changed)),
    ],
  };
};

const unchanged = (changed: readonly string[]): string[] =>
  changed.length === 0 ? ["nothing differs from where the attempt started"] : [];

/** More of a file decides nothing: what reads source gives up far earlier, and says so. */
const MAX_TEXT = 5_000_000;

/** What the change did to what decides gates, compared with the tip that it will be merged onto. */
const tampering = async (
  { repo, policy, task }: Bench,
  { base, snapshot }: Change,
  changed: readonly string[],
): Promise<TamperCheck> => {
  const entries = await repo.list(base);
  const [was, is] = [modesOf(entries), modesOf(await repo.list(snapshot))];
  const files = [];
  for (const path of changed)
    files.push({
      path,
      before: (await textOf(repo, base, path))?.slice(0, MAX_TEXT),
      after: (await textOf(repo, snapshot, path))?.slice(0, MAX_TEXT),
      modes: { before: was.get(path), after: is.get(path) },
    });
  return checkTampering({
    files,
    gates: policy.gates,
    closed: policy.protected,
    permits: task.permits,
    base: { paths: entries.map(({ path }) => path), read: (path) => textOf(repo, base, path) },
  });
};

const modesOf = (entries: readonly TreeEntry[]): Map<string, TreeEntry["mode"]> =>
  new Map(entries.map(({ path, mode }) => [path, mode]));

const textOf = async (
  repo: FactoryRepo,
  commit: string,
  path: string,
): Promise<string | undefined> => {
  const bytes = await repo.read(commit, path);
  return bytes && new TextDecoder().decode(bytes);
};

/** Snapshots turn the proxy's addresses back; what is left of them leads nowhere outside this factory. */
const proxied = async (
  repo: FactoryRepo,
  { snapshot }: Change,
  changed: readonly string[],
): Promise<string[]> => {
  const problems = await Promise.all(
    changed.filter(isLockfile).map(async (path) => {
      const address = proxyAddress((await textOf(repo, snapshot, path)) ?? "");
      return address === undefined
        ? []
        : [
            `${path} names ${address}, an address of the factory's own proxy: let the package manager write the file again, with the settings it finds`,
          ];
    }),
  );
  return problems.flat();
};

/** A resolution may touch conflicted files only. */
const strayed = async (repo: FactoryRepo, input: Change): Promise<string[]> => {
  const started = input.from;
  const only = new Set(input.only);
  const touched = started === undefined ? [] : await repo.diffStat(started, input.snapshot);
  return touched.filter((d) => !only.has(d.path)).map((d) => `${d.path} was not in conflict`);
};

const MARKER = /^(?:<{7}|>{7}) /m;
const MAX_NAMED = 20;

/** What a package manager writes: whole lines of it come and go. pip's requirements are people's. */
const isWritten = (path: string): boolean => isLockfile(path) && !path.endsWith(".txt");

const isBinary = (text: string): boolean => text.includes("\0");

/** Whoever joins two sides leaves no marker, and no line is gone that the side which has landed added. */
const lost = async (repo: FactoryRepo, input: Change): Promise<string[]> => {
  const { base, snapshot, theirs, only = [], joins = [] } = input;
  const resolved = theirs === undefined ? joins : [{ theirs, files: only }];
  const problems = new Set<string>();
  for (const join of resolved) {
    const parted = await repo.mergeBase(base, join.theirs);
    for (const path of join.files) {
      const [before = "", ours = "", change = "", resolution = ""] = await Promise.all(
        [parted, base, join.theirs, snapshot].map((at) => at && textOf(repo, at, path)),
      );
      if (MARKER.test(resolution)) problems.add(`${path} still holds conflict markers`);
      if (isBinary(resolution) && ![before, ours, change].some(isBinary))
        problems.add(`${path} holds a NUL byte, which no side of it does`);
      // whatever the change or its resolution makes of it, what landed as text has lines to lose
      if (isWritten(path) || isBinary(ours)) continue;
      const gone = droppedAdditions({ base: before, ours, theirs: change, resolution });
      for (const line of gone.slice(0, MAX_NAMED))
        problems.add(`${path} has lost what landed before: ${line.slice(0, 200)}`);
      if (gone.length > MAX_NAMED)
        problems.add(`${path} has lost ${gone.length - MAX_NAMED} more lines that landed before`);
    }
  }
  return [...problems];
};
