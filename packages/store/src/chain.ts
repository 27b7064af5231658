import { createHash } from "node:crypto";
import { canonicalJson, type StoredEvent } from "@headrace/domain";

/** What the first event of a run chains to. */
export const GENESIS = "";

/** Hash of an event's canonical JSON, which holds the previous event's hash as `prev`. */
export const hashOf = (body: string): string => createHash("sha256").update(body).digest("hex");

/** Where a log stops being the one that was written. */
export type ChainBreak = { seq: number; reason: string };

/**
 * The first place at which the events of one run, in order from the first, were edited, removed or inserted;
 * undefined for a whole chain. Events cut off at the end leave a whole chain: compare its head with the run's row.
 */
export const verifyChain = (events: Iterable<StoredEvent>): ChainBreak | undefined => {
  let last: StoredEvent | undefined;
  for (const event of events) {
    const { hash, ...body } = event;
    const expected = (last?.seq ?? 0) + 1;
    const broken = (reason: string): ChainBreak => ({ seq: expected, reason });
    if (event.seq !== expected) return broken(`expected event ${expected}, found ${event.seq}`);
    if (last !== undefined && event.run !== last.run)
      return broken(`belongs to run ${event.run}, not to ${last.run}`);
    if (event.prev !== (last?.hash ?? GENESIS))
      return broken("does not follow from the event before it");
    if (hashOf(canonicalJson(body)) !== hash) return broken("its content does not match its hash");
    last = event;
  }
  return undefined;
};
