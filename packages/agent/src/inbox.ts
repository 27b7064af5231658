import type { Signal } from "@headrace/domain";

/** What the control plane says while a job runs: notes wait for the next turn, a stop aborts at once. */
export class Inbox {
  readonly #abort = new AbortController();
  #notes: string[] = [];

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  stop(reason: unknown): void {
    this.#abort.abort(reason);
  }

  deliver(signal: Signal): void {
    switch (signal.kind) {
      case "cancel":
        this.stop(new StoppedError(signal.reason));
        return;
      case "wrap-up":
        this.#notes.push(
          `Wrap up now (${signal.reason}): bring what you have into a complete state and submit it, or call report_blocked.`,
        );
        return;
      case "steer":
        this.#notes.push(`The person who started this run says:\n${signal.text}`);
        return;
    }
  }

  /** Notes that came since the last call. */
  take(): string[] {
    const notes = this.#notes;
    this.#notes = [];
    return notes;
  }
}

/** A person or the control plane stopped the work; it stays where it is. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}
