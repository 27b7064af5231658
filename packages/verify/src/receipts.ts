import { type GateResult, isInfrastructure, Receipt, type ReceiptKey } from "@headrace/domain";

const sorted = (names: readonly string[]): string[] => [...new Set(names)].sort();

/** A receipt for what was run; permits and gate names are kept sorted, so that equal keys look equal. */
export const makeReceipt = (facts: {
  id: string;
  key: ReceiptKey;
  results: readonly GateResult[];
  at: Date;
}): Receipt =>
  Receipt.parse({
    id: facts.id,
    key: { ...facts.key, permits: sorted(facts.key.permits), gates: sorted(facts.key.gates) },
    results: facts.results,
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
