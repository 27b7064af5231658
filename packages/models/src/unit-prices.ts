import type { TokenUsage } from "@headrace/domain";
import { CACHE_PERCENT, type PriceRow } from "./prices.ts";

type TokenClass = keyof TokenUsage;

export const TOKEN_CLASSES: readonly TokenClass[] = [
  "input",
  "cacheWrite5m",
  "cacheWrite1h",
  "cacheRead",
  "output",
];

/** Unit prices are whole hundredths of a pico-dollar a token: a price in percent of another has no smaller part. */
export const UNITS_PER_PICO = 100n;

/** "0.25" USD/MTok -> 250_000 pico-dollars a token. */
const picoPerToken = (decimal: string): bigint => {
  const [whole = "0", fraction = ""] = decimal.split(".");
  return BigInt(whole + fraction.padEnd(6, "0"));
};

/** Units of one token of `kind`. */
export const unitPrice = (row: Pick<PriceRow, TokenClass>, kind: TokenClass): bigint => {
  const given = row[kind];
  if (given !== undefined) return picoPerToken(given) * UNITS_PER_PICO;
  if (kind === "input" || kind === "output") throw new Error(`a row without a price of ${kind}`);
  return picoPerToken(row.input) * BigInt(CACHE_PERCENT[kind]);
};

/** USD per million tokens of `kind`, in digits. */
export const usdPerMTok = (row: Pick<PriceRow, TokenClass>, kind: TokenClass): string => {
  const digits = unitPrice(row, kind).toString().padStart(9, "0");
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`.replace(/\.?0+$/, "");
};
