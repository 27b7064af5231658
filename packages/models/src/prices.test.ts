import { describe, expect, test } from "vitest";
import { familyOf } from "./families.ts";
import { factsOf } from "./known-models.ts";
import { rowInForce } from "./price-book.ts";
import { checkPrices } from "./price-checks.ts";
import { CACHE_PERCENT, listOf, PRICES, type PriceRow, REFERENCE } from "./prices.ts";
import { TIERS } from "./routes.ts";
import { unitPrice, usdPerMTok } from "./unit-prices.ts";

const CHEAPLY_READ = ["claude-fable-5-1", "claude-opus-5-5"];
const row = (change: Partial<PriceRow>): PriceRow => ({
  model: "m",
  input: "3",
  output: "15",
  ...change,
});
const problems = (rows: PriceRow[], listed?: readonly PriceRow[]) =>
  checkPrices(rows, listed).map(({ row: place, problem }) => `${place}: ${problem}`);

describe("the shipped prices", () => {
  test("have no overlap, no gap and no figure that looks wrong", () => {
    expect(checkPrices(PRICES)).toEqual([]);
  });

  test("have no end: a model that is priced once is priced until a new row takes over", () => {
    for (const model of new Set(PRICES.map((one) => one.model))) {
      const rows = PRICES.filter((one) => one.model === model);
      expect([rows.at(0)?.effectiveFrom, rows.at(-1)?.effectiveTo]).toEqual([undefined, undefined]);
    }
  });

  test("stand under families, whose every spelling they price", () => {
    for (const { model } of PRICES) expect(familyOf(model)).toBe(model);
    expect(new Set(PRICES.map(listOf))).toEqual(new Set(["anthropic"]));
  });

  test("are of models whose window and abilities are known, each with the limits of its line", () => {
    for (const { model } of PRICES) {
      const { pool, capabilities } = factsOf(model);
      expect(pool).toBe(/^claude-([a-z]+)-/.exec(model)?.[1]);
      expect(capabilities).toContain("json");
    }
  });

  test("have the cache prices that hold where none are given, but for models that are read from the cache for less", () => {
    for (const listed of PRICES) {
      for (const kind of Object.keys(CACHE_PERCENT) as (keyof typeof CACHE_PERCENT)[]) {
        const { [kind]: _given, ...rest } = listed;
        if (kind === "cacheRead" && CHEAPLY_READ.includes(listed.model))
          expect(unitPrice(listed, kind)).toBeLessThan(unitPrice(rest, kind));
        else expect(usdPerMTok(rest, kind)).toBe(usdPerMTok(listed, kind));
      }
    }
  });

  test("are the dearer of two where public pages disagree, and say so", () => {
    const days = ["2026-08-31", "2026-09-01"].map((day) => new Date(`${day}T12:00:00Z`));
    const rows = days.map((at) => rowInForce(PRICES, "claude-sonnet-5", at));
    expect(rows.map((one) => [one?.input, one?.output])).toEqual([
      ["2", "10"],
      ["3", "15"],
    ]);
    expect(rows[1]?.source).toContain("the higher price stands");
  });

  test("cover every model that a run takes by default, as the reference of work units does", () => {
    const defaults = Object.values(TIERS).flat();
    expect(PRICES.map((one) => one.model)).toEqual(expect.arrayContaining(defaults));
    expect(REFERENCE.rows.map((one) => one.model)).toEqual(expect.arrayContaining(defaults));
  });
});

test("the reference of work units is append-only: these rows stand in it for ever", () => {
  const frozen = REFERENCE.rows.map(
    ({ model, added, ...classes }) => `${added} ${model} ${Object.values(classes).join(" ")}`,
  );
  expect(frozen.slice(0, 11)).toEqual([
    "2026-11-21 claude-fable-5 10 12.5 20 1 50",
    "2026-11-21 claude-opus-4-8 5 6.25 10 0.5 25",
    "2026-11-21 claude-opus-4-7 5 6.25 10 0.5 25",
    "2026-11-21 claude-opus-4-6 5 6.25 10 0.5 25",
    "2026-11-21 claude-sonnet-5 3 3.75 6 0.3 15",
    "2026-11-21 claude-sonnet-4-6 3 3.75 6 0.3 15",
    "2026-11-21 claude-haiku-4-5 1 1.25 2 0.1 5",
    "2026-11-22 claude-fable-5-1 10 12.5 20 0.25 50",
    "2026-11-22 claude-opus-5-5 4 5 8 0.2 20",
    "2026-11-22 claude-opus-5 5 6.25 10 0.5 25",
    "2026-11-22 claude-sonnet-5-5 2 2.5 4 0.2 10",
  ]);
  expect(new Set(REFERENCE.rows.map(({ model }) => model)).size).toBe(REFERENCE.rows.length);
});

describe("rows are checked", () => {
  test("for periods that overlap, leave a gap or end before they begin", () => {
    const until = row({ effectiveTo: "2026-08-31" });
    expect(problems([until, row({ effectiveFrom: "2026-09-01" })])).toEqual([]);
    expect(problems([until, row({ effectiveFrom: "2026-08-31" })])).toEqual([
      "1: overlaps the row before it, which is in force until 2026-08-31",
    ]);
    expect(problems([row({ effectiveFrom: "2026-09-02" }), until])).toEqual([
      "0: leaves a gap: the row before it ends on 2026-08-31",
    ]);
    expect(problems([row({}), row({})])).toEqual([
      "1: overlaps the row before it, which is in force until 9999-12-31",
    ]);
    expect(problems([row({ effectiveFrom: "2026-09-01", effectiveTo: "2026-08-31" })])).toEqual([
      "0: ends (2026-08-31) before it begins (2026-09-01)",
    ]);
    expect(problems([row({}), row({ model: "other" })])).toEqual([]);
  });

  test("for figures in an order that no list price has", () => {
    expect(problems([row({ cacheRead: "3.01" })])).toEqual([
      "0: a token read from the cache costs more than one of input",
    ]);
    expect(problems([row({ output: "2" })])).toEqual([
      "0: a token of input costs more than one of output",
    ]);
    expect(problems([row({ input: "0", output: "0" })])).toEqual([]);
  });

  test("for changes by more than three times, of the row before or of the listed one", () => {
    const before = row({ effectiveTo: "2026-08-31" });
    const later = (change: Partial<PriceRow>) => row({ effectiveFrom: "2026-09-01", ...change });
    expect(problems([before, later({ input: "9", output: "45" })])).toEqual([]);
    expect(problems([before, later({ output: "45.01" })])).toEqual([
      "1: output is 45.01, where 15 stood before: more than three times as much or as little",
    ]);
    expect(problems([row({ model: "claude-opus-4-8", input: "0", output: "0" })], PRICES)).toEqual([
      "0: input is 0, where 5 stood before: more than three times as much or as little",
    ]);
    expect(problems([row({ model: "claude-opus-4-8", input: "4", output: "20" })], PRICES)).toEqual(
      [],
    );
  });

  test("but for figures that somebody says are right", () => {
    const checked = "a flat rate";
    expect(
      problems([row({ model: "claude-opus-4-8", input: "0", output: "0", checked })], PRICES),
    ).toEqual([]);
    expect(problems([row({ checked }), row({ checked })])).toHaveLength(1);
  });
});
