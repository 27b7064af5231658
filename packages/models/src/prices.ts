import { z } from "zod";
import anthropic from "../prices/anthropic.json" with { type: "json" };
import reference from "../prices/wu-2026-09.json" with { type: "json" };

/**
 * USD per million tokens, kept as text, because 0.1 is not a binary number; its last digit is one pico-dollar a token. A
 * number is taken at the digits that it is written with.
 */
const UsdPerMTok = z.preprocess(
  (given) => (typeof given === "number" ? String(given) : given),
  z
    .string("expected dollars such as 3 or 0.25")
    .regex(
      /^\d{1,6}(?:\.\d{1,6})?$/,
      "expected dollars such as 3 or 0.25, with six digits after the point at most",
    ),
);
const Day = z.iso.date("expected a day such as 2026-09-01");

const model = z.string().min(1).max(200);

/** Prices of the token classes; cache prices that are not given follow from the input price by `CACHE_PERCENT`. */
const Classes = {
  input: UsdPerMTok,
  cacheWrite5m: UsdPerMTok.optional(),
  cacheWrite1h: UsdPerMTok.optional(),
  cacheRead: UsdPerMTok.optional(),
  output: UsdPerMTok,
};
const AllClasses = {
  ...Classes,
  cacheWrite5m: UsdPerMTok,
  cacheWrite1h: UsdPerMTok,
  cacheRead: UsdPerMTok,
};

/** What a model family costs between two days (UTC, both inclusive; an absent bound is open). */
export const PriceRow = z.strictObject({
  model,
  effectiveFrom: Day.optional(),
  effectiveTo: Day.optional(),
  ...Classes,
  /** what a batch costs, in percent of the row's own prices */
  batchPercent: z.number().int().min(1).max(100).optional(),
  /** where the figure was read, and when */
  source: z.string().max(500).optional(),
  retrievedAt: Day.optional(),
  /** who looked at a figure that checks object to, and why it is right */
  checked: z.string().min(1).max(500).optional(),
});
export type PriceRow = z.infer<typeof PriceRow>;

/** A file of shipped prices: a provider's list, with every class and its source. */
const PriceFile = z.strictObject({
  provider: z.string(),
  rows: z.array(
    PriceRow.extend({
      ...AllClasses,
      batchPercent: PriceRow.shape.batchPercent.unwrap(),
      source: z.string().min(1),
      retrievedAt: Day,
    }),
  ),
});

/** Cache prices in hundredths of the input price, where a row does not give them. */
export const CACHE_PERCENT = { cacheWrite5m: 125, cacheWrite1h: 200, cacheRead: 10 } as const;

const LISTS = [PriceFile.parse(anthropic)];

/** List prices of the Messages API, by provider. A change of price is a new row: past rows are never edited. */
export const PRICES: readonly PriceRow[] = LISTS.flatMap(({ rows }) => rows);

/** Whose list a shipped row stands in. */
export const listOf = (row: PriceRow): string | undefined =>
  LISTS.find(({ rows }) => rows.some((listed) => listed === row))?.provider;

/**
 * The frozen reference book of work units. A model enters it once, at its list price (no promotion) on the day it is
 * added; nothing in it ever changes, so that work stays comparable when prices do not.
 */
export const REFERENCE = z
  .strictObject({
    name: z.literal("wu-2026-09"),
    rows: z.array(z.strictObject({ model, added: Day, ...AllClasses })),
  })
  .parse(reference);
