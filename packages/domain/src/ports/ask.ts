import type { BudgetLevel } from "../budget.ts";
import type { Pico } from "../money.ts";
import type { Candidate } from "../route.ts";
import type { ModelReply } from "../transcript.ts";

/** How asking a model for one reply came out; a reply is durable before it is given. */
export type AskResult =
  /**
   * `waitedMs`: from the question to the sending of the call that was answered, for limits, budgets and outages ·
   * `wrapUp`: a budget above the call is nearly used, so the agent should come to an end
   */
  | { kind: "reply"; reply: ModelReply; candidate: Candidate; waitedMs: number; wrapUp?: string }
  /** a budget cannot hold the call, or the model has no price: nothing was sent */
  | { kind: "budget"; reason: string; level?: BudgetLevel; cap?: Pico }
  /** the run was paused, cancelled or parked meanwhile: nothing was sent */
  | { kind: "stopped"; reason: string }
  /** no candidate serves us now; without `retryAt` (RFC 3339) a person must act */
  | { kind: "unavailable"; reason: string; retryAt?: string }
  /** the conversation no longer fits any candidate's window */
  | { kind: "context"; reason: string }
  /** no candidate will ever accept this request */
  | { kind: "invalid"; reason: string };
