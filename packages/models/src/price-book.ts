import { Pico, type PriceBook, type TokenUsage } from "@headrace/domain";
import { familyOf } from "./families.ts";
import { CACHE_PERCENT, PRICES, type PriceRow } from "./prices.ts";

type TokenClass = keyof TokenUsage;
const CLASSES: readonly TokenClass[] = [
  "input",
  "cacheWrite5m",
  "cacheWrite1h",
  "cacheRead",
  "output",
];

/** Prices are kept as whole units of 1e-5 pico-dollars a token: 1e-6 USD/MTok, in hundredths. */
const UNITS_PER_NANO = 100_000n;

/** "0.25" USD/MTok -> 250_000 (1e-6 USD/MTok). */
const micro = (decimal: string): bigint => {
  const [whole = "0", fraction = ""] = decimal.split(".");
  return BigInt(whole + fraction.padEnd(6, "0"));
};

/** Units of one token of `kind`. */
const unitPrice = (row: PriceRow, kind: TokenClass): bigint => {
  const given = row[kind];
  if (given !== undefined) return micro(given) * 100n;
  if (kind === "input" || kind === "output") throw new Error(`${row.model} has no ${kind} price`);
  return micro(row.input) * BigInt(CACHE_PERCENT[kind]);
};

/** Whole pico-dollars; a fraction of one rounds up, against the spender. */
const toPico = (units: bigint): Pico =>
  Pico.parse(Number((units + UNITS_PER_NANO - 1n) / UNITS_PER_NANO));

const inForce = (row: PriceRow, day: string): boolean =>
  (row.effectiveFrom ?? "") <= day && day <= (row.effectiveTo ?? "9999-12-31");

/**
 * Exact costs from a dated table. Where rows overlap the later one wins, so a user's own rows are appended:
 * `createPriceBook([...PRICES, ...own])`.
 */
export const createPriceBook = (table: readonly PriceRow[] = PRICES): PriceBook => {
  const rowFor = (model: string, at: Date): PriceRow | undefined => {
    const day = at.toISOString().slice(0, 10);
    const family = familyOf(model);
    return table.findLast(
      (row) => (row.model === model || row.model === family) && inForce(row, day),
    );
  };
  return {
    cost: (model, usage, at) => {
      const row = rowFor(model, at);
      if (row === undefined) return undefined;
      const units = CLASSES.map((kind) => BigInt(usage[kind]) * unitPrice(row, kind));
      return toPico(units.reduce((sum, part) => sum + part, 0n));
    },
    worstCase: (model, inputTokens, maxOutput, at) => {
      const row = rowFor(model, at);
      if (row === undefined) return undefined;
      // breakpoints are written with the five-minute lifetime only, so the one-hour price cannot occur
      const input = unitPrice(row, "input");
      const write = unitPrice(row, "cacheWrite5m");
      // biome-ignore lint/complexity/useMathMinMax: Math.max does not take bigints
      const dearest = write > input ? write : input;
      return toPico(BigInt(inputTokens) * dearest + BigInt(maxOutput) * unitPrice(row, "output"));
    },
  };
};
