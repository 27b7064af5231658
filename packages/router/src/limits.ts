/** Bounds of one asking, all of its tries together. Times in milliseconds. */
export const ASK_LIMITS = {
  /** tries after the first, with one candidate */
  retriesPerCandidate: 2,
  /** failed tries, with all candidates together */
  triesPerAsk: 5,
  /** tries of which nobody knows what they cost, so that each keeps its whole reservation */
  unknownBills: 2,
  /** longest wait with a worker's slot held; for more than that the job is given back */
  maxWaitMs: 120_000,
  /** from the first question on: nothing is begun later */
  totalMs: 15 * 60_000,
} as const;

/**
 * After so long the worker of a call is taken to be gone, so that what the call holds does not stay held: above the
 * 20 minutes that a client gives one call at most.
 */
export const CALL_MS = 25 * 60_000;

/** How long a provider keeps a prefix after its last use: the shorter of the two lives that Anthropic offers. */
export const CACHE_MS = 5 * 60_000;
