import type { StoredEvent } from "../events.ts";
import type { Pico } from "../money.ts";
import type { RunState } from "../run-state.ts";
import type { Submission } from "../submission.ts";

export type Submitted = { run: string; behind?: string };

/** What a client can ask of a factory; the HTTP client and the control plane itself implement it. */
export interface FactoryControl {
  /** Accepts a run durably. `pack` holds the base commit. Throws `UserError` when it cannot be started. */
  submit(submission: Submission, pack: Uint8Array): Promise<Submitted>;
  runs(): Promise<RunState[]>;
  /** Throws `UserError` for an unknown run. */
  run(id: string): Promise<RunState>;
  /** Stored events after `after`, then live ones, until the signal aborts or the run has ended and all were given. */
  events(run: string, after: number, signal: AbortSignal): AsyncIterable<StoredEvent>;
  blob(run: string, id: string): Promise<Uint8Array>;
  pack(run: string, commit: string, have: readonly string[]): Promise<Uint8Array>;
  pause(run: string, reason: string): Promise<void>;
  resume(run: string): Promise<void>;
  cancel(run: string, reason: string): Promise<void>;
  answer(run: string, question: string, text: string): Promise<void>;
  /**
   * Raises the cap of the run by `by` and resumes a run that it had stopped; with `task`, the caps of the task and of its
   * attempts, and lets it go on. Throws `UserError` where something else holds the run, or the task.
   */
  raiseBudget(run: string, by: Pico, task?: string): Promise<void>;
  /** Raises the run's budget of tokens by so many, and resumes a run that it had stopped. */
  raiseTokens(run: string, by: number): Promise<void>;
  /** Tells every agent of the run, those at work before their next call and later ones at their first. */
  steer(run: string, text: string): Promise<void>;
}
