import { expect, test } from "vitest";
import { toTokenUsage, WireUsage } from "./usage.ts";

const read = (wire: unknown) => toTokenUsage(WireUsage.parse(wire));
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

test.each([{}, { input_tokens: 1 }, { output_tokens: 1 }, { input_tokens: -1, output_tokens: 1 }])(
  "%j is not a usage",
  (wire) => {
    expect(WireUsage.safeParse(wire).success).toBe(false);
  },
);
