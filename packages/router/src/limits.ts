/** Bounds of one asking, all of its tries together. Times in milliseconds. */
export const ASK_LIMITS = {
  /** failed tries after the first, with one candidate */
  retriesPerCandidate: 2,
  /** failed tries, with all candidates together */
  triesPerAsk: 5,
  /** longest wait with a worker's slot held; for more than that the job is given back */
  maxWaitMs: 120_000,
  /** from the first question on: nothing is begun later */
  totalMs: 15 * 60_000,
} as const;
