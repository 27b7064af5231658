import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ApiError } from "./api-error.ts";
import { RateLimits } from "./rate-limits.ts";

const START = Date.parse("2026-11-21T12:00:00Z");

/** Limits by a clock that stands still until it is moved. */
const limitsOf = (limits: ConstructorParameters<typeof RateLimits>[0]) => {
  let now = START;
  const rates = new RateLimits(limits, () => now);
  const ask = (input: number, output: number, model = "m"): ApiError | undefined => {
    try {
      rates.admit(model, { input, output });
      return undefined;
    } catch (error) {
      if (error instanceof ApiError) return error;
      throw error;
    }
  };
  return { rates, ask, pass: (ms: number) => (now += ms) };
};

describe("token buckets", () => {
  test("refuse what is above a limit until so much has come back, and say how long that takes", () => {
    const { ask, pass } = limitsOf({ requests: 3 });
    for (let n = 0; n < 3; n++) expect(ask(1, 1)).toBeUndefined();
    const refused = ask(1, 1);
    expect(refused).toMatchObject({ status: 429, headers: { "retry-after": "20" } });
    expect(refused?.message).toContain("3 requests per minute");
    pass(19_999);
    expect(ask(1, 1)?.headers).toEqual({ "retry-after": "1" });
    pass(1);
    expect(ask(1, 1)).toBeUndefined();
  });

  test("are each model's own", () => {
    const { ask } = limitsOf({ requests: 1 });
    expect(ask(1, 1, "a")).toBeUndefined();
    expect(ask(1, 1, "a")).toBeDefined();
    expect(ask(1, 1, "b")).toBeUndefined();
  });

  test("take a request's whole output and get back what it did not need", () => {
    const { rates, ask } = limitsOf({ outputTokens: 1000 });
    expect(ask(0, 900)).toBeUndefined();
    expect(ask(0, 200)).toBeDefined();
    rates.giveBack("m", 850);
    expect(ask(0, 200)).toBeUndefined();
  });

  test("are told in headers: what is left, and when they are full", () => {
    const { rates, ask } = limitsOf({ requests: 60, inputTokens: 6000, tokens: 600 });
    ask(300, 15);
    expect(rates.headers("m")).toEqual({
      "anthropic-ratelimit-requests-limit": "60",
      "anthropic-ratelimit-requests-remaining": "59",
      "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:01Z",
      "anthropic-ratelimit-input-tokens-limit": "6000",
      "anthropic-ratelimit-input-tokens-remaining": "5700",
      "anthropic-ratelimit-input-tokens-reset": "2026-11-21T12:00:03Z",
      "anthropic-ratelimit-tokens-limit": "600",
      "anthropic-ratelimit-tokens-remaining": "285",
      "anthropic-ratelimit-tokens-reset": "2026-11-21T12:00:32Z",
    });
  });

  test("let a request that is larger than a limit through when they are full", () => {
    const { ask, pass } = limitsOf({ inputTokens: 100 });
    expect(ask(250, 1)).toBeUndefined();
    expect(ask(1, 1)?.headers).toEqual({ "retry-after": "91" });
    pass(91_000);
    expect(ask(1, 1)).toBeUndefined();
  });

  test("without limits never refuse, and say nothing", () => {
    const { rates, ask } = limitsOf({});
    for (let n = 0; n < 100; n++) expect(ask(1e9, 1e9)).toBeUndefined();
    expect(rates.headers("m")).toEqual({});
  });

  test("within any time let through no more than they held and got back", () => {
    const step = fc.record({ ms: fc.nat(30_000), tokens: fc.integer({ min: 1, max: 100 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { ask, pass } = limitsOf({ inputTokens: 100 });
        let [through, elapsed] = [0, 0];
        for (const { ms, tokens } of steps) {
          pass(ms);
          elapsed += ms;
          if (ask(tokens, 0) === undefined) through += tokens;
        }
        expect(through).toBeLessThanOrEqual(100 + (elapsed / 60_000) * 100 + 1e-6);
      }),
    );
  });

  test("a wait that was asked for is enough", () => {
    const call = fc.record({ ms: fc.nat(5_000), tokens: fc.integer({ min: 1, max: 150 }) });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 50 }), (calls) => {
        const { ask, pass } = limitsOf({ inputTokens: 100, requests: 10 });
        for (const { ms, tokens } of calls) {
          pass(ms);
          const refused = ask(tokens, 0);
          if (refused === undefined) continue;
          pass(Number(refused.headers["retry-after"]) * 1000);
          expect(ask(tokens, 0)).toBeUndefined();
        }
      }),
    );
  });
});
