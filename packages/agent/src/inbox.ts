import type { Signal } from "@headrace/domain";

/**
 * What the control plane says while a job runs. Notes wait for the next turn. A cancel ends tools at once and lets a
 * model call that is under way come to its end, since it is paid for; a stop ends both.
 */
export class Inbox {
  readonly #work = new AbortController();
  readonly #call = new AbortController();
  #notes: string[] = [];

  get signal(): AbortSignal {
    return this.#work.signal;
  }

  /** For calls of the model. */
  get callSignal(): AbortSignal {
    return this.#call.signal;
  }

  stop(reason: unknown): void {
    this.#work.abort(reason);
    this.#call.abort(reason);
  }

  deliver(signal: Signal): void {
    switch (signal.kind) {
      case "cancel":
        this.#work.abort(new StoppedError(signal.reason));
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
