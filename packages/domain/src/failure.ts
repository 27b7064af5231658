import { z } from "zod";
import { RateFacts } from "./rate.ts";
import { TokenUsage } from "./usage.ts";

/** How a call can fail (the failure table's rows, stack.md §8.3). `refusal` and a full context may come as replies, too. */
export const FailureClass = z.enum([
  "invalid",
  "context",
  "auth",
  "credit",
  "gone",
  "rate",
  "overload",
  "server",
  "network",
  "refusal",
]);
export type FailureClass = z.infer<typeof FailureClass>;

/** What is known of a call that gave no usable reply. */
export const FailureFacts = z.object({
  class: FailureClass,
  reason: z.string(),
  status: z.number().int().optional(),
  /** when the provider says that it may be asked again (RFC 3339), from Retry-After, a reset header or its text */
  until: z.string().optional(),
  rate: RateFacts.optional(),
  /** we were told to stop and hung up: it says nothing about the provider */
  stopped: z.literal(true).optional(),
});
export type FailureFacts = z.infer<typeof FailureFacts>;

/**
 * What a failed call is known to have used: `reported` is what the provider bills for it; `partial` was seen before
 * the reply broke off, so it bills at least that.
 */
export const SeenUsage = z.object({ state: z.enum(["reported", "partial"]), usage: TokenUsage });
export type SeenUsage = z.infer<typeof SeenUsage>;
