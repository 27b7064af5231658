import {
  type Canary,
  type Gate,
  type GateResult,
  isBlind,
  type StepInputOf,
} from "@headrace/domain";
import { type CanaryBench, runCanaries } from "@headrace/verify";
import { outcomesOf } from "./outcomes-of.ts";
import type { Work } from "./worker.ts";

/**
 * The results with what canaries say of their gates. A gate that passes for the first time is shown a bad tree made from
 * the commit; one that stays green there is red here, because its pass says nothing.
 */
export const withCanaries = async (
  work: Work,
  input: StepInputOf<"verify">,
  on: { bench: CanaryBench; gates: readonly Gate[]; results: GateResult[] },
): Promise<GateResult[]> => {
  const { bench, gates, results } = on;
  if (input.canaries === undefined || results.some((r) => r.verdict === "infra_error"))
    return results;
  const canaries = new Map<string, Canary>(
    input.canaries.map(({ gate, ...canary }) => [gate, canary]),
  );
  const { api, claim, repo } = work;
  const owing = results.filter(({ gate, verdict }) => verdict === "pass" && !canaries.has(gate));
  const fresh = await runCanaries(
    { ...bench, baseline: await outcomesOf(work, owing.flatMap(asBaseline)) },
    { repo, commit: input.commit },
    gates.filter(({ name }) => owing.some(({ gate }) => gate === name)),
  );
  for (const canary of fresh) {
    await api.report(claim.fence, { type: "canary.finished", commit: input.commit, canary });
    const { gate, ...rest } = canary;
    canaries.set(gate, rest);
  }
  return results.map((result) => marked(result, canaries.get(result.gate)));
};

/** A pass that rests on tests being red on the base too must be worse than that on a bad tree. */
export const asBaseline = ({ gate, tests, baseRed, exitCode }: GateResult) => {
  if (tests === undefined) return [];
  const red = baseRed && exitCode !== null ? { exitCode, receipt: baseRed.receipt } : undefined;
  return [{ gate, tests, red }];
};

const marked = (result: GateResult, canary: Canary | undefined): GateResult => {
  if (canary === undefined) return result;
  if (result.verdict !== "pass" || !isBlind(canary)) return { ...result, canary };
  const how = canary.outcome === "green" ? "stays green" : "cannot be run";
  const reason = `${how} on a tree that is known to be bad: ${canary.detail}`.slice(0, 2000);
  return { ...result, verdict: "fail", reason, canary };
};
