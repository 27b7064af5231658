/** Time, randomness and waiting: everything nondeterministic that is not I/O. */
export interface Clock {
  now(): Date;
  /** Resolves after `ms`, or rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
  /** A short random id of the id alphabet. */
  id(): string;
}
