import { fromUsd, NO_USAGE, type TokenUsage } from "@headrace/domain";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPriceBook } from "./price-book.ts";
import { PRICE_CASES } from "./price-cases-fixture.ts";
import { PRICES } from "./prices.ts";

const book = createPriceBook();
const NOW = new Date("2026-11-21T12:00:00Z");
const MTOK = 1_000_000;
const million = (kind: keyof TokenUsage): TokenUsage => ({ ...NO_USAGE, [kind]: MTOK });

test.each(PRICE_CASES)("%s on %s: %j tokens cost what is summed by hand", (...row) => {
  const [model, day, tokens, sum, pico] = row;
  const [input, cacheWrite5m, cacheWrite1h, cacheRead, output] = tokens;
  expect(sum).toBe(pico);
  const usage = { input, cacheWrite5m, cacheWrite1h, cacheRead, output };
  expect(book.cost(model, usage, new Date(`${day}T12:00:00Z`))).toBe(pico);
});

test("the introductory price ends with its last day, in UTC", () => {
  const at = (time: string) => book.cost("claude-sonnet-5", million("input"), new Date(time));
  expect(at("2026-08-31T23:59:59.999Z")).toBe(fromUsd(2));
  expect(at("2026-09-01T00:00:00.000Z")).toBe(fromUsd(3));
});

test("a part of a pico-dollar rounds up, once for the whole call", () => {
  // 0.000001 USD/MTok is one pico-dollar a token, its cache writes 1.25 and its reads 0.1
  const odd = createPriceBook([{ model: "m", input: "0.000001", output: "0.000001" }]);
  const cost = (usage: Partial<TokenUsage>) => odd.cost("m", { ...NO_USAGE, ...usage }, NOW);
  expect(cost({ cacheRead: 1 })).toBe(1);
  expect(cost({ cacheRead: 10 })).toBe(1);
  expect(cost({ cacheRead: 11 })).toBe(2);
  expect(cost({ cacheWrite5m: 3, cacheRead: 2, output: 1 })).toBe(5); // 3.75 + 0.2 + 1
  expect(cost({ cacheWrite5m: 4, cacheRead: 10, input: 1 })).toBe(7); // 5 + 1 + 1
});

test("the worst case takes every input token at the dearest class of a prompt and all of the output", () => {
  const worst = book.worstCase("claude-opus-4-8", 1000, 100, NOW);
  expect(worst).toBe(1000 * 6_250_000 + 100 * 25_000_000);
  for (const kind of ["input", "cacheWrite5m", "cacheRead"] as const) {
    const actual = book.cost("claude-opus-4-8", { ...NO_USAGE, [kind]: 1000, output: 100 }, NOW);
    expect(actual).toBeLessThanOrEqual(worst ?? 0);
  }
  const dearReads = { model: "m", input: "1", output: "1", cacheWrite5m: "1", cacheRead: "2" };
  expect(createPriceBook([dearReads]).worstCase("m", 3, 1, NOW)).toBe(7_000_000);
});

test("what no amount can hold costs the most that one can, and nothing throws", () => {
  const dear = createPriceBook([{ model: "claude-opus-4-8", input: "9999", output: "9999" }]);
  const usage = { ...million("input"), output: 10 * MTOK };
  expect(dear.cost("claude-opus-4-8", usage, NOW)).toBe(Number.MAX_SAFE_INTEGER);
  expect(dear.worstCase("claude-opus-4-8", 10 * MTOK, 1, NOW)).toBe(Number.MAX_SAFE_INTEGER);
  const lie = { ...NO_USAGE, input: 2 ** 52 };
  expect(book.work("claude-opus-4-8", lie)).toBe(Number.MAX_SAFE_INTEGER);
});

test("no usage of a prompt and a reply within the bounds costs more than the worst case, in any book", () => {
  const price = fc
    .tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 999_999 }))
    .map(([whole, part]) => `${whole}.${String(part).padStart(6, "0")}`);
  const optional = fc.option(price, { nil: undefined });
  const tokens = fc.integer({ min: 0, max: 2_000_000 });
  fc.assert(
    fc.property(
      fc.record({
        input: price,
        output: price,
        cacheWrite5m: optional,
        cacheWrite1h: optional,
        cacheRead: optional,
      }),
      fc.record({ input: tokens, cacheWrite5m: tokens, cacheRead: tokens, output: tokens }),
      (classes, used) => {
        const { cacheWrite5m, cacheWrite1h, cacheRead, ...plain } = classes;
        const given = Object.entries({ cacheWrite5m, cacheWrite1h, cacheRead }).filter(
          ([, usd]) => usd !== undefined,
        );
        const any = createPriceBook([{ model: "m", ...plain, ...Object.fromEntries(given) }]);
        const prompt = used.input + used.cacheWrite5m + used.cacheRead;
        const worst = any.worstCase("m", prompt, used.output, NOW) ?? 0;
        expect(any.cost("m", { ...NO_USAGE, ...used }, NOW)).toBeLessThanOrEqual(worst);
      },
    ),
  );
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
  expect(book.work(id, million("input"))).toBeUndefined();
});

test("a person's own row adds a model or overrides a listed one", () => {
  const own = createPriceBook([
    ...PRICES,
    { model: "local/qwen", input: "0", output: "0" },
    { model: "claude-opus-4-8", input: "4", output: "20", cacheRead: "1" },
  ]);
  expect(own.cost("local/qwen", million("output"), NOW)).toBe(0);
  expect(own.cost("claude-opus-4-8", million("input"), NOW)).toBe(fromUsd(4));
  expect(own.cost("claude-opus-4-8", million("cacheRead"), NOW)).toBe(fromUsd(1));
});

test("a row of the id that is sent outranks its family's, whichever stands later", () => {
  const own = createPriceBook([
    { model: "anthropic/claude-opus-4.8", input: "6", output: "30" },
    ...PRICES,
  ]);
  expect(own.cost("anthropic/claude-opus-4.8", million("input"), NOW)).toBe(fromUsd(6));
  expect(own.cost("claude-opus-4-8", million("input"), NOW)).toBe(fromUsd(5));
});

describe("work units", () => {
  const usage = {
    input: 12_000,
    cacheWrite5m: 30_000,
    cacheWrite1h: 0,
    cacheRead: 180_000,
    output: 9_000,
  };

  test("are thousandths of a reference dollar, in parts of 1e-9", () => {
    // 12,000 * 5 + 30,000 * 6.25 + 180,000 * 0.5 + 9,000 * 25 millionths of a dollar = 0.5625 USD = 562.5 WU
    expect(book.work("claude-opus-4-8", usage)).toBe(562_500_000_000);
  });

  test("are the same whatever a call costs, and before, during and after a promotion", () => {
    const free = createPriceBook([{ model: "claude-sonnet-5", input: "0", output: "0" }]);
    expect(free.cost("claude-sonnet-5", usage, NOW)).toBe(0);
    expect(free.work("claude-sonnet-5", usage)).toBe(book.work("claude-sonnet-5", usage));
    // the list price without the promotion of the model's first months
    expect(book.work("claude-sonnet-5", million("input"))).toBe(fromUsd(3));
    expect(book.work("anthropic/claude-sonnet-5", million("output"))).toBe(fromUsd(15));
  });
});
