import { InfrastructureError, type Job, type JobHandler, type JobOutcome } from "@headrace/domain";
import { fulfilledWithin } from "./bounded.ts";

/** The running handlers of one consumer, and their orderly end. */
export class Deliveries {
  readonly #handler: JobHandler;
  readonly #onError: (error: Error) => void;
  readonly #running = new Set<Promise<JobOutcome>>();
  readonly #graceOver = new AbortController();
  #closing = false;

  constructor(handler: JobHandler, onError: (error: Error) => void) {
    this.#handler = handler;
    this.#onError = onError;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Never rejects: a handler that throws has lost its delivery to a failure of the machine. */
  async run(job: Job): Promise<JobOutcome> {
    if (this.#closing)
      return { kind: "retry-at", at: new Date(0), reason: "this consumer is closing" };
    const running = this.#handle(job);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #handle(job: Job): Promise<JobOutcome> {
    try {
      const outcome = await this.#handler(job, this.#graceOver.signal);
      if (outcome.kind === "fatal")
        this.#onError(new Error(`job ${job.id} can never be done: ${outcome.reason}`));
      return outcome;
    } catch (cause) {
      const error = new Error(`the handler of job ${job.id} failed: ${String(cause)}`, { cause });
      this.#onError(error);
      return { kind: "infrastructure", reason: error.message };
    }
  }

  /** Lets running handlers end by themselves for `graceMs`, then aborts them and waits. */
  async drain(graceMs: number): Promise<void> {
    this.#closing = true;
    const ended = Promise.allSettled(this.#running);
    if (await fulfilledWithin(graceMs, ended)) return;
    this.#graceOver.abort(new InfrastructureError("the consumer is closing"));
    await ended;
  }
}

/** Told where a running job may be delivered once more. */
export const lockLost = (id: string): Error =>
  new InfrastructureError(`the queue lost the lock of job ${id}; its handler goes on`);
