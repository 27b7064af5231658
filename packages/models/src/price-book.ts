import type { Pico, PriceBook, TokenUsage } from "@headrace/domain";
import { familyOf } from "./families.ts";
import { PRICES, type PriceRow, REFERENCE } from "./prices.ts";
import { TOKEN_CLASSES, UNITS_PER_PICO, unitPrice } from "./unit-prices.ts";

const MOST = BigInt(Number.MAX_SAFE_INTEGER);

/** Whole pico-dollars; a fraction of one rounds up, against the spender. What no amount can hold is the most that one can. */
const toPico = (units: bigint): Pico => {
  const pico = (units + UNITS_PER_PICO - 1n) / UNITS_PER_PICO;
  return Number(pico > MOST ? MOST : pico);
};

const sumOf = (row: Parameters<typeof unitPrice>[0], usage: TokenUsage): bigint =>
  TOKEN_CLASSES.reduce((sum, kind) => sum + BigInt(usage[kind]) * unitPrice(row, kind), 0n);

const inForce = (row: PriceRow, day: string): boolean =>
  (row.effectiveFrom ?? "") <= day && day <= (row.effectiveTo ?? "9999-12-31");

/**
 * The row that prices a model, as its provider names it, at a time: of its own name before its family's, and of those
 * in force the later one, so that a person's rows are appended: `[...PRICES, ...own]`.
 */
export const rowInForce = (
  table: readonly PriceRow[],
  model: string,
  at: Date,
): PriceRow | undefined => {
  const day = at.toISOString().slice(0, 10);
  const named = (name: string) => table.findLast((row) => row.model === name && inForce(row, day));
  return named(model) ?? named(familyOf(model));
};

/** A prompt is written with the five-minute lifetime only, so the price of the other cannot occur in it. */
const IN_A_PROMPT = ["input", "cacheWrite5m", "cacheRead"] as const;

/** Exact costs from a dated table. */
export const createPriceBook = (table: readonly PriceRow[] = PRICES): PriceBook => ({
  cost: (model, usage, at) => {
    const row = rowInForce(table, model, at);
    return row && toPico(sumOf(row, usage));
  },
  worstCase: (model, inputTokens, maxOutput, at) => {
    const row = rowInForce(table, model, at);
    if (row === undefined) return undefined;
    const dearest = IN_A_PROMPT.map((kind) => unitPrice(row, kind)).reduce((a, b) =>
      // biome-ignore lint/complexity/useMathMinMax: Math.max does not take bigints
      a > b ? a : b,
    );
    return toPico(BigInt(inputTokens) * dearest + BigInt(maxOutput) * unitPrice(row, "output"));
  },
  work: (model, usage) => {
    const named = (name: string) => REFERENCE.rows.find((row) => row.model === name);
    const row = named(model) ?? named(familyOf(model));
    return row && toPico(sumOf(row, usage));
  },
});
