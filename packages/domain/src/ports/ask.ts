import type { Nano } from "../money.ts";
import type { ModelReply } from "../transcript.ts";

/** How asking a model for one reply came out; a reply is durable before it is given. */
export type AskResult =
  | { kind: "reply"; reply: ModelReply }
  /** the budget cannot hold the call, or the model has no price: nothing was sent */
  | { kind: "budget"; reason: string; cap?: Nano }
  /** the run was paused, cancelled or parked meanwhile: nothing was sent */
  | { kind: "stopped"; reason: string }
  /** the provider does not serve us; without `retryAt` (RFC 3339) a person must act */
  | { kind: "unavailable"; reason: string; retryAt?: string }
  /** the provider will never accept this request */
  | { kind: "invalid"; reason: string };
