import { z } from "zod";

const count = z.number().int().nonnegative();

/** Tokens of one call in disjoint classes: a token is counted in exactly one of them. */
export const TokenUsage = z.object({
  /** prompt tokens neither read from nor written to the cache */
  input: count,
  cacheWrite5m: count,
  cacheWrite1h: count,
  cacheRead: count,
  output: count,
});
export type TokenUsage = z.infer<typeof TokenUsage>;

export const NO_USAGE: TokenUsage = {
  input: 0,
  cacheWrite5m: 0,
  cacheWrite1h: 0,
  cacheRead: 0,
  output: 0,
};

export const addUsage = (a: TokenUsage, b: TokenUsage): TokenUsage => ({
  input: a.input + b.input,
  cacheWrite5m: a.cacheWrite5m + b.cacheWrite5m,
  cacheWrite1h: a.cacheWrite1h + b.cacheWrite1h,
  cacheRead: a.cacheRead + b.cacheRead,
  output: a.output + b.output,
});

export const totalTokens = (u: TokenUsage): number =>
  u.input + u.cacheWrite5m + u.cacheWrite1h + u.cacheRead + u.output;
