import { type GateBaseline, TestOutcomes } from "@headrace/domain";
import type { Baseline } from "@headrace/verify";
import type { Work } from "./worker.ts";

/** Tests by name, which receipts and steps only count. */
export const outcomesOf = (
  { api, claim }: Work,
  baseline: readonly GateBaseline[],
): Promise<Baseline[]> =>
  Promise.all(
    baseline.map(async ({ gate, tests: { list }, red }) => {
      const bytes = await api.getBlob(claim.fence, list);
      if (bytes === undefined) throw new Error(`the base's tests of gate ${gate} are missing`);
      const outcomes = TestOutcomes.parse(JSON.parse(new TextDecoder().decode(bytes)));
      return { gate, list, outcomes, red };
    }),
  );
