import { ApiError } from "./api-error.ts";
import type { Limits } from "./conditions.ts";

type Kind = keyof Limits;

const NAMES: Record<Kind, string> = {
  requests: "requests",
  tokens: "tokens",
  inputTokens: "input-tokens",
  outputTokens: "output-tokens",
};

const MINUTE_MS = 60_000;

/**
 * A limit a minute that fills up steadily. A request above the whole limit takes all of it. What is in it is counted in
 * sixty-thousandths, so that each millisecond adds a whole number of them.
 */
class Bucket {
  readonly limit: number;
  readonly #full: number;
  #level: number;
  #at: number;

  constructor(limit: number, now: number) {
    this.limit = limit;
    this.#full = limit * MINUTE_MS;
    this.#level = this.#full;
    this.#at = now;
  }

  /** Milliseconds until `amount` may be taken, 0 or less for at once. */
  waitFor(amount: number, now: number): number {
    const missing = Math.min(amount * MINUTE_MS, this.#full) - this.#levelAt(now);
    return missing / this.limit;
  }

  /** A negative amount is given back. */
  take(amount: number, now: number): void {
    this.#level = Math.min(this.#full, this.#levelAt(now) - amount * MINUTE_MS);
  }

  facts(now: number): { remaining: number; resetAt: number } {
    const level = this.#levelAt(now);
    return {
      remaining: Math.max(0, Math.floor(level / MINUTE_MS)),
      resetAt: now + (this.#full - level) / this.limit,
    };
  }

  #levelAt(now: number): number {
    this.#level = Math.min(this.#full, this.#level + (now - this.#at) * this.limit);
    this.#at = now;
    return this.#level;
  }
}

/** RFC 3339 in whole seconds, as the real API writes it; never too early. */
const wholeSecond = (ms: number): string =>
  `${new Date(Math.ceil(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;

/** Token buckets of each model, enforced. */
export class RateLimits {
  readonly #limits: Limits;
  readonly #now: () => number;
  readonly #models = new Map<string, Map<Kind, Bucket>>();

  constructor(limits: Limits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Takes what a request needs, its whole `max_tokens` included; throws `ApiError` 429 where it is not there. */
  admit(model: string, { input, output }: { input: number; output: number }): void {
    const now = this.#now();
    const needs = { requests: 1, tokens: input + output, inputTokens: input, outputTokens: output };
    const waits = [...this.#of(model)].map(
      ([kind, bucket]) => [kind, bucket.waitFor(needs[kind], now)] as const,
    );
    const [worst] = waits.toSorted(([, a], [, b]) => b - a);
    if (worst !== undefined && worst[1] > 0) {
      const [kind, ms] = worst;
      throw new ApiError(
        429,
        `This request would exceed the limit of ${this.#limits[kind]} ${NAMES[kind]} per minute`,
        { retryAfter: Math.ceil(ms / 1000) },
      );
    }
    for (const [kind, bucket] of this.#of(model)) bucket.take(needs[kind], now);
  }

  /** Gives back the output that a reply did not need. */
  giveBack(model: string, output: number): void {
    const now = this.#now();
    for (const kind of ["tokens", "outputTokens"] as const)
      this.#of(model).get(kind)?.take(-output, now);
  }

  /** `anthropic-ratelimit-*` as they now are. */
  headers(model: string): Record<string, string> {
    const now = this.#now();
    const entries = [...this.#of(model)].flatMap(([kind, bucket]) => {
      const { remaining, resetAt } = bucket.facts(now);
      const name = `anthropic-ratelimit-${NAMES[kind]}`;
      return [
        [`${name}-limit`, String(bucket.limit)],
        [`${name}-remaining`, String(remaining)],
        [`${name}-reset`, wholeSecond(resetAt)],
      ];
    });
    return Object.fromEntries(entries);
  }

  #of(model: string): Map<Kind, Bucket> {
    let buckets = this.#models.get(model);
    if (buckets === undefined) {
      const now = this.#now();
      const limits = Object.entries(this.#limits) as [Kind, number | undefined][];
      buckets = new Map(
        limits.flatMap(([kind, limit]) =>
          limit === undefined ? [] : [[kind, new Bucket(limit, now)] as const],
        ),
      );
      this.#models.set(model, buckets);
    }
    return buckets;
  }
}
