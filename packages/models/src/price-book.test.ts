import { fromUsd, NO_USAGE, type TokenUsage } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { createPriceBook } from "./price-book.ts";
import { PRICES, PriceRow } from "./prices.ts";

const book = createPriceBook();
const NOW = new Date("2026-11-21T12:00:00Z");
const MTOK = 1_000_000;
const million = (kind: keyof TokenUsage): TokenUsage => ({ ...NO_USAGE, [kind]: MTOK });

describe("the price table", () => {
  test("has only well-formed rows whose periods of one family neither overlap nor leave a gap", () => {
    for (const row of PRICES) expect(PriceRow.parse(row)).toEqual(row);
    for (const model of new Set(PRICES.map((row) => row.model))) {
      const rows = PRICES.filter((row) => row.model === model);
      expect(rows.at(0)?.effectiveFrom).toBeUndefined();
      expect(rows.at(-1)?.effectiveTo).toBeUndefined();
      rows.slice(1).forEach((row, i) => {
        const dayAfter = new Date(`${rows[i]?.effectiveTo}T00:00:00Z`).getTime() + 86_400_000;
        expect(new Date(`${row.effectiveFrom}T00:00:00Z`).getTime()).toBe(dayAfter);
      });
    }
  });

  test.each([
    ["claude-fable-5", 10, 50],
    ["claude-opus-4-8", 5, 25],
    ["claude-opus-4-7", 5, 25],
    ["claude-opus-4-6", 5, 25],
    ["claude-sonnet-5", 3, 15],
    ["claude-sonnet-4-6", 3, 15],
    ["claude-haiku-4-5", 1, 5],
  ])(
    "%s costs %d in and %d out a million tokens, and its cache classes follow",
    (model, input, output) => {
      const cost = (kind: keyof TokenUsage) => book.cost(model, million(kind), NOW);
      expect(cost("input")).toBe(fromUsd(input));
      expect(cost("output")).toBe(fromUsd(output));
      expect(cost("cacheWrite5m")).toBe(fromUsd(input * 1.25));
      expect(cost("cacheWrite1h")).toBe(fromUsd(input * 2));
      expect(cost("cacheRead")).toBe(fromUsd(input / 10));
    },
  );
});

test("the introductory price ends with its last day, in UTC", () => {
  const at = (time: string) => book.cost("claude-sonnet-5", million("input"), new Date(time));
  expect(at("2026-08-31T23:59:59.999Z")).toBe(fromUsd(2));
  expect(at("2026-09-01T00:00:00.000Z")).toBe(fromUsd(3));
});

test("a mixed call is summed exactly and rounded up once", () => {
  const usage = { input: 7, cacheWrite5m: 11, cacheWrite1h: 0, cacheRead: 13, output: 17 };
  // 7*5000 + 11*6250 + 13*500 + 17*25000 pico-dollars
  expect(book.cost("claude-opus-4-8", usage, NOW)).toBe(535_250);
  const odd = createPriceBook([{ model: "m", input: "0.000001", output: "1" }]);
  expect(odd.cost("m", { ...NO_USAGE, input: 1 }, NOW)).toBe(1);
  expect(odd.cost("m", { ...NO_USAGE, input: 1000 }, NOW)).toBe(1);
  expect(odd.cost("m", { ...NO_USAGE, input: 1001 }, NOW)).toBe(2);
});

test("the worst case takes every input token at the cache-write price and all of the output", () => {
  expect(book.worstCase("claude-opus-4-8", 1000, 100, NOW)).toBe(1000 * 6250 + 100 * 25_000);
  for (const kind of ["input", "cacheWrite5m", "cacheRead"] as const) {
    const actual = book.cost("claude-opus-4-8", { ...NO_USAGE, [kind]: 1000, output: 100 }, NOW);
    expect(actual).toBeLessThanOrEqual(1000 * 6250 + 100 * 25_000);
  }
});

test.each([
  "claude-opus-4-8-20260115",
  "claude-opus-4-8@20260115",
  "claude-opus-4-8-latest",
  "anthropic/claude-opus-4.8",
])("%s is priced as its family", (id) => {
  expect(book.cost(id, million("input"), NOW)).toBe(fromUsd(5));
});

test.each([
  "claude-opus-4-8-fast",
  "claude-opus-4-80",
  "claude-opus-4",
  "anthropic/claude-opus-4.8:extended",
  "openai/gpt-9",
  "",
])("%j has no price, so a call to it will be refused", (id) => {
  expect(book.cost(id, million("input"), NOW)).toBeUndefined();
  expect(book.worstCase(id, 1, 1, NOW)).toBeUndefined();
});

test("a user's own row adds a model or overrides a listed one", () => {
  const own = createPriceBook([
    ...PRICES,
    { model: "local/qwen", input: "0", output: "0" },
    { model: "claude-opus-4-8", input: "4", output: "20", cacheRead: "1" },
  ]);
  expect(own.cost("local/qwen", million("output"), NOW)).toBe(0);
  expect(own.cost("claude-opus-4-8", million("input"), NOW)).toBe(fromUsd(4));
  expect(own.cost("claude-opus-4-8", million("cacheRead"), NOW)).toBe(fromUsd(1));
});
