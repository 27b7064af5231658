import {
  type Candidate,
  type Counted,
  candidateKey,
  type FailureClass,
  type ModelClients,
} from "@headrace/domain";
import { type Ask, requestTo } from "./ask.ts";
import { billedBound, countedBound, inputBound } from "./input-bound.ts";
import { thrown } from "./outcome.ts";

/**
 * Failures of a count that hold for messages, too. By any other no more is known than that its provider does not count:
 * many gateways take messages alone.
 */
const OF_MESSAGES: ReadonlySet<FailureClass> = new Set<FailureClass>([
  "auth",
  "credit",
  "gone",
  "rate",
  "context",
]);

/** What candidates take a request for, as far as that is known. */
export class Counts {
  readonly #clients: ModelClients;
  readonly #ask: Ask;
  readonly #known = new Map<string, Counted>();
  readonly #exact = new Set<string>();

  constructor(clients: ModelClients, ask: Ask) {
    this.#clients = clients;
    this.#ask = ask;
    const { billed, request } = ask;
    const tokens = billed && billedBound(request, billed);
    if (billed !== undefined && tokens !== undefined)
      this.#known.set(billed.candidate, { candidate: billed.candidate, tokens });
  }

  /** All that is known. A failure is told once: whoever is told counts it among the tries. */
  take(): Counted[] {
    const all = [...this.#known.values()];
    for (const one of all) if ("failed" in one) this.#known.delete(one.candidate);
    return all;
  }

  /** Forgets what was not counted but bounded by an earlier bill; whether there was any. */
  forgetBounds(): boolean {
    const bounds = [...this.#known.keys()].filter((key) => !this.#exact.has(key));
    for (const key of bounds) this.#known.delete(key);
    return bounds.length > 0;
  }

  /**
   * Has a candidate count the request; where it cannot, the bytes stand for its count, which then is asked for no more.
   * Rejects with the reason of the ask's work when that is aborted.
   */
  async add(candidate: Candidate): Promise<void> {
    const key = candidateKey(candidate);
    if (this.#exact.has(key)) throw new Error(`the request was counted for ${key} already`);
    const { signal, work = signal, maxOutput, request } = this.#ask;
    try {
      const client = await this.#clients(candidate.provider);
      const count = await client.countTokens(requestTo(this.#ask, candidate, maxOutput), work);
      const tokens = countedBound(request, count);
      this.#known.set(key, { candidate: key, tokens, count });
      this.#exact.add(key);
    } catch (error) {
      work?.throwIfAborted();
      const { failure } = thrown(error);
      if (OF_MESSAGES.has(failure.class)) this.#known.set(key, { candidate: key, failed: failure });
      else this.#uncounted(key);
    }
  }

  /** A bound by an earlier bill stays. */
  #uncounted(key: string): void {
    const count = inputBound(this.#ask.request);
    this.#known.set(key, { candidate: key, tokens: count, ...this.#known.get(key), count });
    this.#exact.add(key);
  }
}
