import { z } from "zod";

const count = z.number().int().nonnegative();

/** One limit of a provider as a response's headers tell it. */
export const RateWindow = z.object({
  limit: count,
  remaining: count,
  /** when it is whole again (RFC 3339) */
  resetAt: z.string(),
});
export type RateWindow = z.infer<typeof RateWindow>;

export const RateKind = z.enum(["requests", "tokens", "inputTokens", "outputTokens"]);
export type RateKind = z.infer<typeof RateKind>;

/** `anthropic-ratelimit-*` of one response; what a provider does not send is absent. */
export const RateFacts = z.partialRecord(RateKind, RateWindow);
export type RateFacts = z.infer<typeof RateFacts>;
