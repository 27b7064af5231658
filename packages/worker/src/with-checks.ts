import { type Check, type Gate, isGreen, type Receipt, type StepInputOf } from "@headrace/domain";
import { type Baseline, type CanaryBench, runChecks } from "@headrace/verify";
import { outcomesOf } from "./outcomes-of.ts";
import { asBaseline } from "./with-canaries.ts";
import type { Work } from "./worker.ts";

/** What else a task's own tree is looked at for, once its gates are green. */
export const checksOf = async (
  work: Work,
  input: StepInputOf<"verify">,
  on: {
    bench: CanaryBench;
    gates: readonly Gate[];
    baseline: readonly Baseline[];
    receipt: Pick<Receipt, "key" | "results">;
  },
): Promise<Check[] | undefined> => {
  const { commit, landingBase, permits, checks: request } = input;
  const { receipt, ...rest } = on;
  if (request === undefined || !isGreen(receipt)) return undefined;
  const { api, claim, repo } = work;
  return runChecks({
    ...rest,
    ...{ repo, commit, base: landingBase, permits, request },
    results: receipt.results,
    own: await outcomesOf(work, receipt.results.flatMap(asBaseline)),
    putBlob: (bytes) => api.putBlob(claim.fence, bytes),
    onCheck: (check) => api.report(claim.fence, { type: "check.finished", commit, check }),
  });
};
