import type { Signal, StaleEpochError } from "@headrace/domain";

/** Something to be told to the model; `steer` says which of the person's words it is. */
export type Note = { text: string; steer?: number };

/**
 * What the control plane says while a job runs. Notes wait for the next turn. A cancel or a lost claim ends tools at once
 * and lets a model call that is under way come to its end, since it is paid for; a stop ends both.
 */
export class Inbox {
  readonly #work = new AbortController();
  readonly #call = new AbortController();
  readonly #steers = new Set<number>();
  #notes: Note[] = [];

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

  /** Another has the claim: nothing more is begun. */
  lost(reason: StaleEpochError): void {
    this.#work.abort(reason);
  }

  deliver(signal: Signal): void {
    switch (signal.kind) {
      case "cancel":
        this.#work.abort(new StoppedError(signal.reason));
        return;
      case "wrap-up":
        this.#notes.push({
          text: `Wrap up now (${signal.reason}): bring what you have into a complete state and submit it, or call report_blocked.`,
        });
        return;
      case "steer": {
        const { seq, text } = signal;
        if (this.#steers.has(seq)) return;
        this.#steers.add(seq);
        this.#notes.push({ text: `The person who started this run says:\n${text}`, steer: seq });
        return;
      }
    }
  }

  /** Notes that came since the last call. */
  take(): Note[] {
    const notes = this.#notes;
    this.#notes = [];
    return notes;
  }
}

/** A person or the control plane stopped the work; it stays where it is. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}
