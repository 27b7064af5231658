import { z } from "zod";
import { UserError } from "./errors.ts";

/**
 * Money is a whole number of pico-dollars (1e-12 USD). A price of one dollar per million tokens is then a million
 * of them a token, so no price in use has a fraction that could be rounded away. One amount stays below 9,007 USD,
 * where a number is exact; sums over many runs are made in the store, which counts in 64 bits.
 */
export const Pico = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
export type Pico = z.infer<typeof Pico>;

const DIGITS = 12;
const PICO_PER_USD = 10 ** DIGITS;

/** The most that one budget can hold, in dollars. */
export const MAX_USD = 9_000;

/** Digits of a number that is written without an exponent. */
const decimal = (usd: number): string => {
  const text = String(usd);
  return text.includes("e") ? usd.toFixed(20) : text;
};

/** Dollars to pico-dollars by their digits, so that 0.1 is what it says; below one pico-dollar it rounds up. */
export const fromUsd = (usd: number): Pico => {
  const [whole = "0", fraction = ""] = decimal(usd).split(".");
  const kept = BigInt(whole + fraction.slice(0, DIGITS).padEnd(DIGITS, "0"));
  const rest = /[1-9]/.test(fraction.slice(DIGITS)) ? 1n : 0n;
  return Pico.parse(Number(kept + rest));
};

export const toUsd = (pico: Pico): number => pico / PICO_PER_USD;

/** `$1.23`, or four decimals below ten cents so that small calls do not all read as zero. */
export const formatUsd = (pico: Pico): string => {
  const usd = toUsd(pico);
  return `$${usd.toFixed(usd !== 0 && usd < 0.1 ? 4 : 2)}`;
};

/** What a budget holds after a raise; throws `UserError` where that is more than one can hold. */
export const raisedBudget = (held: Pico, by: Pico): Pico => {
  if (held + by <= fromUsd(MAX_USD)) return held + by;
  throw new UserError(
    `one budget holds at most ${MAX_USD} US dollars, and ${formatUsd(held)} are in it`,
    `Raise it by ${formatUsd(fromUsd(MAX_USD) - held)} at most.`,
  );
};
