import type { Lane } from "../steps.ts";

/** Carries no authority: a handler reads the rows and exits when the job is stale. */
export type Job = { id: string; lane: Lane; run: string; step: string };

/** What should happen with a delivery. */
export type JobOutcome =
  | { kind: "done" }
  | { kind: "retry-at"; at: Date; reason: string }
  /** the machine failed: the reconciler will dispatch again */
  | { kind: "infrastructure"; reason: string }
  | { kind: "fatal"; reason: string };

/**
 * `signal` is aborted only when the handler's consumer closes and the grace is over. A queue that loses sight of a
 * running handler delivers its job again beside it; the store's claim decides which of the two works.
 */
export type JobHandler = (job: Job, signal: AbortSignal) => Promise<JobOutcome>;

export interface Consumer {
  /** Stops taking jobs, aborts running handlers after `graceMs`, waits for them. */
  close(graceMs: number): Promise<void>;
}

/** Dispatch, disposable: losing all of it costs the seconds until the reconciler re-adds. */
export interface Queue {
  /**
   * Adding an id that is waiting, delayed or active changes nothing. Of jobs that wait, those of the smallest
   * `priority` (from 1, which it is when absent) go first, and of equals the one that was added first.
   */
  add(job: Job, delayMs?: number, priority?: number): Promise<void>;
  /** Which of these job ids are waiting, delayed or active now. */
  present(ids: readonly string[]): Promise<Set<string>>;
  consume(lane: Lane, concurrency: number, handler: JobHandler): Promise<Consumer>;
  close(): Promise<void>;
}
