import { StaleEpochError } from "@headrace/domain";
import type { Work } from "./worker.ts";

/** Renewals come at a third of the lease at the latest, so two may be lost before another worker can claim the step. */
const PART_OF_LEASE = 1 / 3;
const LEAST_MS = 50;
/** A renewal also brings what a person wants of the run: a cancel should not wait for long. */
const MOST_MS = 3_000;

/**
 * Keeps the claim while it is held, and passes on what the control plane says. A lost claim stops the work; a call under
 * way comes to its end, and what it cost corrects what was booked for it.
 */
export const heartbeat = ({ api, claim, clock, inbox, log }: Work): AsyncDisposable => {
  const stop = new AbortController();
  const beat = async (): Promise<void> => {
    let until = claim.until;
    while (!stop.signal.aborted) {
      const left = Date.parse(until) - clock.now().getTime();
      const pause = Math.min(MOST_MS, Math.max(LEAST_MS, left * PART_OF_LEASE));
      await clock.sleep(pause, stop.signal);
      try {
        const renewed = await api.renew(claim.fence);
        until = renewed.until;
        for (const signal of renewed.signals) inbox.deliver(signal);
      } catch (cause) {
        if (cause instanceof StaleEpochError) return inbox.lost(cause);
        // the control plane may be away for a moment; the lease decides how long that may last
        log(
          `renewing ${claim.fence.step}: ${cause instanceof Error ? cause.message : String(cause)}`,
        );
      }
    }
  };
  const beating = beat().catch(() => undefined);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("the step has ended"));
      await beating;
    },
  };
};
