import { canonicalJson, type Receipt, type StoredEvent } from "@headrace/domain";
import { type Log, sha256 } from "./log.ts";
import { type AuditOptions, type Tally, Violation } from "./records.ts";

/** Blobs that receipts name, with what they are to the person who looks for them. */
const blobsOfReceipt = (receipt: Receipt): { id: string; what: string }[] =>
  receipt.results.flatMap(({ gate, log, tests }) => {
    const of = `of gate ${gate} in receipt ${receipt.id}`;
    const list = tests === undefined ? [] : [{ id: tests.list, what: `list of tests ${of}` }];
    return [{ id: log, what: `log ${of}` }, ...list];
  });

/** What an event says of the run's ground: what was asked, and by which rules it is judged. */
const blobsOf = (event: StoredEvent): { id: string; what: string }[] => {
  switch (event.type) {
    case "run.submitted":
      return [
        { id: event.spec, what: "spec" },
        { id: event.guidance, what: "guidance" },
        ...(event.plan === undefined ? [] : [{ id: event.plan, what: "plan as given" }]),
      ];
    case "receipt.recorded":
      return blobsOfReceipt(event.receipt);
    case "plan.accepted":
      return [{ id: event.policyHash, what: `policy of plan ${event.version}` }];
    default:
      return [];
  }
};

/** Whatever an event names by its hash has that hash, and the policy is the one that was accepted first. */
export const checkBlobs = async (
  { blob }: AuditOptions,
  { entries }: Log,
  tally: Tally,
): Promise<void> => {
  let policy: string | undefined;
  for (const { event } of entries) {
    for (const { id, what } of blobsOf(event)) {
      const object = `blob ${id} (${what})`;
      const bytes = await blob(id);
      if (bytes === undefined) throw new Violation(object, "is missing");
      if (sha256(bytes) !== id) throw new Violation(object, "was edited");
      tally.add("logs, lists of tests, policies and specs have the bytes they were recorded with");
      if (event.type !== "plan.accepted") continue;
      const frozen = canonicalJson(JSON.parse(new TextDecoder().decode(bytes)));
      if (frozen !== canonicalJson(event.policy) || (policy ?? frozen) !== frozen)
        throw new Violation(object, "is not the policy that was frozen with the first plan");
      policy = frozen;
    }
  }
};
