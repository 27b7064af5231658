import { canonicalJson, type EventOf, type StoredEvent } from "@headrace/domain";
import { type Log, sha256 } from "./log.ts";
import { type AuditOptions, type Tally, Violation } from "./records.ts";

/** `what`: what the blob is to the person who looks for it. `file`: where an archive has it. */
type NamedBlob = { id: string; what: string; file: string };

const envelope = (id: string | undefined, of: string, file: string): NamedBlob[] =>
  id === undefined ? [] : [{ id, what: `envelope of ${of}`, file: `${file}.dsse.json` }];

const blobsOfReceipt = (event: EventOf<"receipt.recorded">): NamedBlob[] => {
  const { id, results, checks = [] } = event.receipt;
  const ofGates = results.flatMap(({ gate, log, tests }) => {
    const of = `of gate ${gate} in receipt ${id}`;
    const list = { what: `list of tests ${of}`, file: `tests/${id}-${gate}.json` };
    return [
      { id: log, what: `log ${of}`, file: `logs/${id}-${gate}.txt` },
      ...(tests === undefined ? [] : [{ id: tests.list, ...list }]),
    ];
  });
  const ofChecks = checks.flatMap(({ check, log }) =>
    // gates are named without dots
    log === undefined
      ? []
      : [{ id: log, what: `log of ${check} in receipt ${id}`, file: `logs/${id}.${check}.txt` }],
  );
  return [...ofGates, ...ofChecks, ...envelope(event.envelope, `receipt ${id}`, `receipts/${id}`)];
};

/** What an event names by its hash: what was asked, by which rules it is judged, and what came of it. */
export const namedBlobs = (event: StoredEvent): NamedBlob[] => {
  switch (event.type) {
    case "run.submitted":
      return [
        { id: event.spec, what: "spec", file: "spec.md" },
        { id: event.guidance, what: "guidance", file: "guidance.json" },
        ...(event.plan === undefined
          ? []
          : [{ id: event.plan, what: "plan as given", file: "plan.json" }]),
      ];
    case "receipt.recorded":
      return blobsOfReceipt(event);
    case "plan.accepted": {
      const file = `policy-${event.version}.json`;
      return [{ id: event.policyHash, what: `policy of plan ${event.version}`, file }];
    }
    case "log.signed":
      return envelope(event.envelope, `event ${event.seq}`, `log-signatures/${event.seq}`);
    default:
      return [];
  }
};

/** The bytes that were recorded under this hash. */
export const recordedBlob = async (
  { blob }: AuditOptions,
  { id, what }: Pick<NamedBlob, "id" | "what">,
): Promise<Uint8Array> => {
  const object = `blob ${id} (${what})`;
  const bytes = await blob(id);
  if (bytes === undefined) throw new Violation(object, "is missing");
  if (sha256(bytes) !== id) throw new Violation(object, "was edited");
  return bytes;
};

/** Whatever an event names by its hash has that hash, and the policy is the one that was accepted first. */
export const checkBlobs = async (
  options: AuditOptions,
  { entries }: Log,
  tally: Tally,
): Promise<void> => {
  let policy: string | undefined;
  for (const { event } of entries) {
    for (const named of namedBlobs(event)) {
      const bytes = await recordedBlob(options, named);
      tally.add("logs, policies, specs and envelopes have the bytes they were recorded with");
      if (event.type !== "plan.accepted") continue;
      const frozen = canonicalJson(JSON.parse(new TextDecoder().decode(bytes)));
      if (frozen !== canonicalJson(event.policy) || (policy ?? frozen) !== frozen)
        throw new Violation(
          `blob ${named.id} (${named.what})`,
          "is not the policy that was frozen with the first plan",
        );
      policy = frozen;
    }
  }
};
