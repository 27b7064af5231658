import {
  type FactoryRepo,
  isLockfile,
  type Policy,
  type StepInputOf,
  type Task,
} from "@headrace/domain";
import { changedGateScripts, proxyAddress, touchedProtected } from "@headrace/verify";

type Change = StepInputOf<"change">;
type Bench = { repo: FactoryRepo; task: Task; policy: Policy };

/** Why a snapshot may not become a change, as sentences for who made it; empty when it may. */
export const changeProblems = async (
  bench: Bench,
  input: Change,
  changed: readonly string[],
): Promise<string[]> => [
  ...(input.only === undefined ? refusals(bench, changed) : await strayed(bench.repo, input)),
  ...(await gateScripts(bench, input, changed)),
  ...(await proxied(bench.repo, input, changed)),
];

const refusals = ({ policy, task }: Bench, changed: readonly string[]): string[] => {
  if (changed.length === 0) return ["nothing differs from where the attempt started"];
  return touchedProtected(changed, policy.protected, task.permits).map(
    (path) => `${path} is protected and was changed: put it back`,
  );
};

const textOf = async (
  repo: FactoryRepo,
  commit: string,
  path: string,
): Promise<string | undefined> => {
  const bytes = await repo.read(commit, path);
  return bytes && new TextDecoder().decode(bytes);
};

/** What the change did to package.json scripts that a gate of the policy runs. */
const gateScripts = async (
  { repo, policy, task }: Bench,
  { base, snapshot }: Change,
  changed: readonly string[],
): Promise<string[]> => {
  const manifests = changed.filter((path) => /(?:^|\/)package\.json$/.test(path));
  const problems = await Promise.all(
    manifests.map(async (path) =>
      changedGateScripts({
        path,
        before: await textOf(repo, base, path),
        after: await textOf(repo, snapshot, path),
        gates: policy.gates,
        permits: task.permits,
      }),
    ),
  );
  return problems.flat();
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

const MARKER = /^(?:<{7}|>{7}) /m;

/** A resolution may touch conflicted files only, and leaves no marker in them. */
const strayed = async (repo: FactoryRepo, input: Change): Promise<string[]> => {
  const started = input.from;
  const only = new Set(input.only);
  const touched = started === undefined ? [] : await repo.diffStat(started, input.snapshot);
  const outside = touched
    .filter((d) => !only.has(d.path))
    .map((d) => `${d.path} was not in conflict`);
  const marked: string[] = [];
  for (const path of only) {
    const text = await textOf(repo, input.snapshot, path);
    if (text !== undefined && MARKER.test(text))
      marked.push(`${path} still holds conflict markers`);
  }
  return [...outside, ...marked];
};
