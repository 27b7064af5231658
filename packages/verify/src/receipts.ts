import {
  type Check,
  type GateBaseline,
  type GateResult,
  isInfrastructure,
  Receipt,
  type ReceiptKey,
} from "@headrace/domain";

const sorted = (names: readonly string[]): string[] => [...new Set(names)].sort();

/** A receipt for what was run; permits and gate names are kept sorted, so that equal keys look equal. */
export const makeReceipt = (facts: {
  id: string;
  key: ReceiptKey;
  results: readonly GateResult[];
  checks?: readonly Check[] | undefined;
  at: Date;
}): Receipt =>
  Receipt.parse({
    id: facts.id,
    key: { ...facts.key, permits: sorted(facts.key.permits), gates: sorted(facts.key.gates) },
    results: facts.results,
    ...(facts.checks === undefined ? {} : { checks: facts.checks }),
    at: facts.at.toISOString(),
  });

/** Whether two verifications would be the same one. The order of permits and gates says nothing. */
export const receiptKeysEqual = (a: ReceiptKey, b: ReceiptKey): boolean =>
  a.tree === b.tree &&
  a.landingBaseTree === b.landingBaseTree &&
  a.policy === b.policy &&
  a.image === b.image &&
  sorted(a.permits).join("\n") === sorted(b.permits).join("\n") &&
  sorted(a.gates).join("\n") === sorted(b.gates).join("\n");

/** A receipt, red or green, that answers for the key; one that the machine spoilt answers for nothing. */
export const findReceipt = (receipts: Iterable<Receipt>, key: ReceiptKey): Receipt | undefined =>
  [...receipts].findLast(
    (receipt) => !isInfrastructure(receipt) && receiptKeysEqual(receipt.key, key),
  );

/** Whether a receipt's gates were compared with these tests of the base, so that it would come out the same. */
export const comparedWith = ({ results }: Receipt, baseline: readonly GateBaseline[]): boolean =>
  results.every(({ gate, baseline: list = "none" }) => {
    const base = baseline.find((one) => one.gate === gate);
    return list === (base?.tests.list ?? "none");
  });

const MAX_REASON = 2000;

const differs = (a: GateResult, b: GateResult): boolean =>
  a.verdict !== b.verdict || (a.verdict !== "pass" && a.tests?.list !== b.tests?.list);

/** The first of two receipts of one tree, less what the second shows to be no verdict: gates that differ are flaky. */
export const markFlaky = (first: Receipt, second: Receipt): Receipt => ({
  ...first,
  results: first.results.map((result) => {
    const again = second.results.find(({ gate }) => gate === result.gate);
    if (again === undefined || !differs(result, again)) return result;
    const reason = `${result.verdict} (${result.reason}), then ${again.verdict} (${again.reason})`;
    return { ...result, verdict: "flaky", reason: reason.slice(0, MAX_REASON) };
  }),
});
