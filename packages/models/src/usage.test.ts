import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UsageMeter } from "./usage.ts";

const meterOf = (...lines: unknown[]): UsageMeter => {
  const meter = new UsageMeter();
  for (const line of lines) meter.add(line);
  return meter;
};
const read = (...lines: unknown[]) => meterOf(...lines).total;
const base = { input_tokens: 10, output_tokens: 5 };
const none = { input: 10, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 5 };

test("input tokens are the uncached remainder already: nothing is subtracted", () => {
  expect(read({ ...base, cache_read_input_tokens: 700, cache_creation_input_tokens: 30 })).toEqual({
    ...none,
    cacheRead: 700,
    cacheWrite5m: 30,
  });
});

test("cache writes are split by lifetime where the provider says so", () => {
  const cache_creation = { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 10 };
  const expected = { ...none, cacheWrite5m: 20, cacheWrite1h: 10 };
  expect(read({ ...base, cache_creation_input_tokens: 30, cache_creation })).toEqual(expected);
  expect(read({ ...base, cache_creation })).toEqual(expected);
});

test("writes the split does not explain count as five-minute writes", () => {
  const cache_creation = { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 10 };
  expect(read({ ...base, cache_creation_input_tokens: 100, cache_creation })).toEqual({
    ...none,
    cacheWrite5m: 90,
    cacheWrite1h: 10,
  });
});

test("absent and null classes are zero", () => {
  expect(read(base)).toEqual(none);
  expect(read({ ...base, cache_read_input_tokens: null, cache_creation: null })).toEqual(none);
});

test("of chat completions the cached and written tokens are taken out of the prompt's", () => {
  const usage = {
    prompt_tokens: 1000,
    completion_tokens: 80,
    total_tokens: 1080,
    prompt_tokens_details: { cached_tokens: 700, cache_write_tokens: 200 },
    completion_tokens_details: { reasoning_tokens: 64 },
  };
  expect(read(usage)).toEqual({
    input: 100,
    cacheWrite5m: 200,
    cacheWrite1h: 0,
    cacheRead: 700,
    output: 80,
  });
});

test("of repeated lines the larger input counts, and the last output", () => {
  const first = { input_tokens: 900, output_tokens: 1, cache_read_input_tokens: 50 };
  const lines = [{ output_tokens: 40 }, { input_tokens: 0, output_tokens: 40 }];
  expect(read(first, ...lines)).toEqual({ ...none, input: 900, cacheRead: 50, output: 40 });
});

test("an input that only the last line tells counts", () => {
  const last = { prompt_tokens: 500, completion_tokens: 9 };
  expect(read({ input_tokens: 0, output_tokens: 0 }, last)).toMatchObject({
    input: 500,
    output: 9,
  });
});

test.each<[string, unknown[]]>([
  ["nothing", []],
  ["an empty line", [{}]],
  ["no output", [{ input_tokens: 1 }]],
  ["no input", [{ output_tokens: 1 }]],
  ["a negative count", [{ ...base, input_tokens: -1 }]],
  ["a fraction", [{ ...base, output_tokens: 1.5 }]],
  ["a count that is text", [{ ...base, output_tokens: "5" }]],
  ["more than a number holds exactly", [{ ...base, input_tokens: 2 ** 53 }]],
  ["-1 in 32 bits", [{ ...base, input_tokens: 2 ** 32 - 1 }]],
  ["an output that no model makes", [{ ...base, output_tokens: 10_000_001 }]],
  ["a cached prompt that no model takes", [{ ...base, cache_read_input_tokens: 10_000_001 }]],
  ["-1 in 32 bits of chat completions", [{ prompt_tokens: 2 ** 32 - 1, completion_tokens: 1 }]],
  ["one bad line among good ones", [base, { output_tokens: -3 }, base]],
  ["a prompt without tokens", [{ input_tokens: 0, output_tokens: 9 }]],
  [
    "writes below their own split",
    [{ ...base, cache_creation_input_tokens: 5, cache_creation: { ephemeral_1h_input_tokens: 6 } }],
  ],
  [
    "more cached than prompted",
    [{ prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 11 } }],
  ],
  [
    "cached and written above the prompt",
    [
      {
        prompt_tokens: 10,
        completion_tokens: 1,
        prompt_tokens_details: { cached_tokens: 6, cache_write_tokens: 5 },
      },
    ],
  ],
  [
    "more reasoning than completion",
    [
      {
        prompt_tokens: 10,
        completion_tokens: 4,
        completion_tokens_details: { reasoning_tokens: 5 },
      },
    ],
  ],
  ["half a line of chat completions", [{ prompt_tokens: 10 }]],
])("%s is no usage: it is neither zero nor mended", (_, lines) => {
  expect(() => meterOf(...lines).total).toThrow(/usage|used|prompt/);
});

test("the longest prompt that a model takes is a usage", () => {
  expect(read({ ...base, input_tokens: 10_000_000 })).toEqual({ ...none, input: 10_000_000 });
});

test("what was seen of a reply that broke off is a lower bound, or nothing", () => {
  expect(meterOf({ input_tokens: 10, output_tokens: 1 }).seen).toEqual({ ...none, output: 1 });
  expect(meterOf().seen).toBeUndefined();
  expect(meterOf(base, { output_tokens: -1 }).seen).toBeUndefined();
});

test("the provider's own cost is kept to the pico-dollar, unless another key was billed", () => {
  expect(meterOf({ ...base, cost: 0.00012345 }).cost).toBe(123_450_000);
  expect(meterOf({ ...base, cost: 0.001 }, { ...base, cost: 0.004756 }).cost).toBe(4_756_000_000);
  expect(meterOf({ ...base, cost: 0.001, is_byok: true }).cost).toBeUndefined();
  for (const cost of [null, -1, "1", 1e9]) expect(meterOf({ ...base, cost }).cost).toBeUndefined();
});

describe("whatever is said", () => {
  const count = fc.nat(1_000_000);
  const parts = fc.record({
    uncached: fc.integer({ min: 1, max: 1e6 }),
    read: count,
    written: count,
  });

  test("both shapes of the same usage are read as the same classes", () => {
    fc.assert(
      fc.property(parts, count, ({ uncached, read: hit, written }, output) => {
        const messages = {
          input_tokens: uncached,
          cache_read_input_tokens: hit,
          cache_creation_input_tokens: written,
          output_tokens: output,
        };
        const chat = {
          prompt_tokens: uncached + hit + written,
          completion_tokens: output,
          prompt_tokens_details: { cached_tokens: hit, cache_write_tokens: written },
        };
        expect(read(chat)).toEqual(read(messages));
        expect(read(messages, messages)).toEqual(read(messages));
      }),
    );
  });

  test("a usage is no less than any line of it, or none at all", () => {
    const number = fc.oneof(
      count,
      fc.constantFrom(null, undefined, -1, 0.5, "7", Number.NaN, 2 ** 60),
    );
    const line = fc.oneof(
      fc.record({
        input_tokens: number,
        output_tokens: number,
        cache_read_input_tokens: number,
        cache_creation_input_tokens: number,
      }),
      fc.record({
        prompt_tokens: number,
        completion_tokens: number,
        prompt_tokens_details: fc.record({ cached_tokens: number, cache_write_tokens: number }),
      }),
      fc.anything(),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 4 }), (lines) => {
        const meter = meterOf(...lines);
        let usage: Record<string, number>;
        try {
          usage = meter.total;
        } catch {
          return;
        }
        expect(Object.values(usage).every((n) => Number.isSafeInteger(n) && n >= 0)).toBe(true);
        for (const one of lines) {
          const { input_tokens = 0, cache_read_input_tokens = 0 } = (one ?? {}) as Record<
            string,
            number
          >;
          expect(usage.input).toBeGreaterThanOrEqual(Number(input_tokens ?? 0));
          expect(usage.cacheRead).toBeGreaterThanOrEqual(Number(cache_read_input_tokens ?? 0));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
