import { z } from "zod";

/** USD per million tokens. Text, because 0.1 is not a binary number. */
const UsdPerMTok = z
  .string()
  .regex(/^\d{1,6}(?:\.\d{1,6})?$/, 'expected dollars such as "3" or "0.25"');
const Day = z.iso.date();

/**
 * What a model family costs between two days (UTC, both inclusive; an absent bound is open). Cache prices
 * that are not given follow from the input price by `CACHE_PERCENT`.
 */
export const PriceRow = z.strictObject({
  model: z.string().min(1).max(200),
  input: UsdPerMTok,
  output: UsdPerMTok,
  cacheWrite5m: UsdPerMTok.optional(),
  cacheWrite1h: UsdPerMTok.optional(),
  cacheRead: UsdPerMTok.optional(),
  effectiveFrom: Day.optional(),
  effectiveTo: Day.optional(),
  /** where the figure was read, and when */
  source: z.string().max(500).optional(),
  retrievedAt: Day.optional(),
});
export type PriceRow = z.infer<typeof PriceRow>;

/** Cache prices in hundredths of the input price. */
export const CACHE_PERCENT = { cacheWrite5m: 125, cacheWrite1h: 200, cacheRead: 10 } as const;

const listed = { source: "Claude API list prices as of mid-2026" } as const;

/** List prices of the Messages API. Later rows win over earlier ones; past rows are never edited. */
export const PRICES: readonly PriceRow[] = [
  { model: "claude-fable-5", input: "10", output: "50", ...listed },
  { model: "claude-opus-4-8", input: "5", output: "25", ...listed },
  { model: "claude-opus-4-7", input: "5", output: "25", ...listed },
  { model: "claude-opus-4-6", input: "5", output: "25", ...listed },
  { model: "claude-sonnet-5", input: "2", output: "10", effectiveTo: "2026-08-31", ...listed },
  { model: "claude-sonnet-5", input: "3", output: "15", effectiveFrom: "2026-09-01", ...listed },
  { model: "claude-sonnet-4-6", input: "3", output: "15", ...listed },
  { model: "claude-haiku-4-5", input: "1", output: "5", ...listed },
];
