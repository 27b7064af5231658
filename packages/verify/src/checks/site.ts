import type { Alteration, Check, FactoryRepo, Gate, GateResult } from "@headrace/domain";
import { failing } from "../compare-tests.ts";
import type { Baseline } from "../judge.ts";
import type { GateBench, GateRun } from "../run-gates.ts";
import { tarOfTree } from "../tree-tar.ts";
import type { Changed } from "./changed-tests.ts";
import type { MachineTime } from "./machine-time.ts";

/** A task's change whose gates are green, and what its checks share. */
export type Site = {
  repo: Pick<FactoryRepo, "alter" | "commit" | "list" | "read" | "tar">;
  commit: string;
  /** the commit it would be merged onto */
  base: string;
  /** where they differ */
  changed: readonly Changed[];
  /** where gates run, but for the trees */
  bench: Omit<GateBench, "tar" | "baseline" | "permits">;
  gates: readonly Gate[];
  /** what the gates made of the change itself */
  results: readonly GateResult[];
  /** its tests, by gate, and those of the base */
  own: readonly Baseline[];
  baseline: readonly Baseline[];
  permits: readonly string[];
  time: MachineTime;
};

/** What came of a check; `output` is kept as its log. */
export type Finding = Pick<Check, "outcome" | "detail"> & { tree?: string; output?: string };

export const OUT_OF_TIME = "the verification budget was used up";

/** The gates that reported tests on the change; where none did, all of them, whose exit code is all they say. */
export const testGates = ({ gates, results }: Pick<Site, "gates" | "results">): readonly Gate[] => {
  const reporting = gates.filter(({ name }) =>
    results.some(({ gate, tests }) => gate === name && tests !== undefined),
  );
  return reporting.length > 0 ? reporting : gates;
};

/** A tree like a commit's but for the alteration. */
export const alteredTree = async (
  { repo }: Pick<Site, "repo">,
  commit: string,
  alteration: Alteration,
): Promise<{ tree: string; tar: Uint8Array }> => {
  const altered = await repo.alter(commit, alteration);
  if (altered.outcome === "unfit") throw new Error(altered.reason);
  return { tree: altered.tree, tar: await tarOfTree(repo, altered.tree) };
};

export const failingIn = ({ tests }: GateRun): string[] => failing(tests ?? []);
