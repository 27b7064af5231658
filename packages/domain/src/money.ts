import { z } from "zod";

/**
 * Money is a whole number of nano-dollars (1e-9 USD): prices of 0.30 USD per million tokens stay
 * whole, sums stay exact below 9 million USD, and no rounding can hide spend.
 */
export const Nano = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
export type Nano = z.infer<typeof Nano>;

const NANO_PER_USD = 1_000_000_000;

/** Dollars to nano-dollars; fractions below one nano-dollar round up, against the spender. */
export const fromUsd = (usd: number): Nano => Math.ceil(Number((usd * NANO_PER_USD).toFixed(3)));

export const toUsd = (nano: Nano): number => nano / NANO_PER_USD;

/** `$1.23`, or four decimals below ten cents so that small calls do not all read as zero. */
export const formatUsd = (nano: Nano): string => {
  const usd = toUsd(nano);
  return `$${usd.toFixed(usd !== 0 && usd < 0.1 ? 4 : 2)}`;
};
