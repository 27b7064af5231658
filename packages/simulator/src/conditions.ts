import { z } from "zod";

/** Longest silence that a script may ask for. */
const LONGEST_DELAY_MS = 10 * 60_000;

export const Delay = z.number().int().nonnegative().max(LONGEST_DELAY_MS).default(0);

/**
 * Where a stream breaks: after so many of its events (negative: so many before its end), or `true` for the middle of its
 * content.
 */
export const BreakPoint = z.union([z.boolean(), z.number().int()]);
export type BreakPoint = z.infer<typeof BreakPoint>;

/** As whom the simulator speaks: OpenRouter has its own errors, models and usage, and does not count tokens. */
export const ProviderKind = z.enum(["anthropic", "openrouter"]);
export type ProviderKind = z.infer<typeof ProviderKind>;

/** What a reply says that it used, where that is not the truth once in the provider's own words. */
export const UsageTold = z.union([
  z.literal("none"),
  z.strictObject({
    /** `chat`: as chat completions tell it, in totals with their parts */
    shape: z.enum(["anthropic", "openrouter", "chat"]).optional(),
    /** how often it is told, the output growing up to the last */
    lines: z.number().int().min(1).max(20).default(1),
    /** fields that are told otherwise */
    say: z.record(z.string(), z.unknown()).optional(),
  }),
]);
export type UsageTold = z.infer<typeof UsageTold>;

/** Limits a minute of each model, as token buckets; what is absent is not limited. */
export const Limits = z.strictObject({
  requests: z.number().int().positive().optional(),
  /** uncached input and output together */
  tokens: z.number().int().positive().optional(),
  inputTokens: z.number().int().positive().optional(),
  outputTokens: z.number().int().positive().optional(),
});
export type Limits = z.infer<typeof Limits>;

const StormKind = z.enum([
  /** 429 with Retry-After */
  "rate",
  /** 529 */
  "overload",
  /** 500, 502, 503 or 504 */
  "server",
  /** the connection breaks in the stream */
  "cut",
  /** an error in the stream */
  "error",
  /** a late first byte */
  "slow",
  /** the stream falls silent and stays so */
  "stall",
]);
export type StormKind = z.infer<typeof StormKind>;

/**
 * A seeded share of answers that go wrong. Whether the nth try of a call does, and how, depends on the seed, on who asks
 * for which turn and on n alone: not on the run's name, on the time or on what else is asked.
 */
export const Storm = z.strictObject({
  seed: z.union([z.number(), z.string()]),
  share: z.number().min(0).max(1),
  kinds: z.array(StormKind).min(1).default(["rate", "overload", "server", "cut", "error", "slow"]),
  /** seconds, of the kind `rate` */
  retryAfter: z.number().nonnegative().default(1),
});
export type Storm = z.infer<typeof Storm>;
