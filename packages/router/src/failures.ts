import type { FailureClass } from "@headrace/domain";

/** One row of the failure table: what a failed call means for whom. */
export type FailureRow = {
  /**
   * For the same candidate, within the asking: `no`, it would fail again · `backoff`, after a pause that doubles, and
   * not before a time that the provider stated · `refill`, when its pool takes calls again.
   */
  same: "no" | "backoff" | "refill";
  /** For the other candidates: `no`, unless the one that failed has replied to nothing in the run · `yes` · `larger`, those with a larger window · `once`, one of them and no more. */
  next: "no" | "yes" | "larger" | "once";
  /**
   * For what is known of the provider: `none` · `isolated`, the credential is not used until the configuration
   * changes · `out`, not before the date the provider names, else an hour · `dead`, the model is not asked until the
   * configuration changes · `empty`, its pool takes nothing until it is refilled, and its circuit is not told ·
   * `failure`, one more for its circuit.
   */
  health: "none" | "isolated" | "out" | "dead" | "empty" | "failure";
  /** the provider has more calls than it takes: fewer at once are sent to it */
  slower: boolean;
};

/** The failure table. A reply that stops at `max_tokens` or pauses is no failure: the conversation goes on with it. */
export const FAILURES: Readonly<Record<FailureClass, FailureRow>> = {
  invalid: { same: "no", next: "no", health: "none", slower: false },
  context: { same: "no", next: "larger", health: "none", slower: false },
  auth: { same: "no", next: "yes", health: "isolated", slower: false },
  credit: { same: "no", next: "yes", health: "out", slower: false },
  gone: { same: "no", next: "yes", health: "dead", slower: false },
  rate: { same: "refill", next: "yes", health: "empty", slower: true },
  overload: { same: "backoff", next: "yes", health: "failure", slower: true },
  server: { same: "backoff", next: "yes", health: "failure", slower: false },
  network: { same: "backoff", next: "yes", health: "failure", slower: false },
  refusal: { same: "no", next: "once", health: "none", slower: false },
};
