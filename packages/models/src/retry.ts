import type { FailureClass, ModelFailure } from "@headrace/domain";

/** Bounds of one ask, all of its tries together. Times in milliseconds. */
export type AskLimits = {
  maxTries: number;
  /** longest single wait; a provider that asks for more sends the whole step to a later time */
  maxWaitMs: number;
  /** wall time after which no further try starts */
  totalMs: number;
};

export const ASK_LIMITS: AskLimits = {
  maxTries: 6,
  maxWaitMs: 120_000,
  totalMs: 15 * 60_000,
};

const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 30_000;
/** when a provider stays down, the step comes back after this long unless it named a time */
const REST_MS = 60_000;

/** What a failure means for the ask: try again, give the provider up, or give the request up. */
const REACTIONS: Record<FailureClass, "retry" | "unavailable" | "invalid"> = {
  rate: "retry",
  overload: "retry",
  server: "retry",
  network: "retry",
  auth: "unavailable",
  credit: "unavailable",
  gone: "unavailable",
  invalid: "invalid",
  context: "invalid",
};

export type NextTry =
  | { kind: "wait"; ms: number }
  /** `retryInMs` is set when waiting longer may help, absent when a person must act */
  | { kind: "unavailable"; retryInMs?: number }
  | { kind: "invalid" };

/** Doubling from one second, spread over its upper half so that workers do not return in step. */
const backoffMs = (attempt: number, random: number): number =>
  Math.round(
    Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (attempt - 1)) * (0.5 + random / 2),
  );

/**
 * What to do after try number `attempt` (from 1) failed, `elapsedMs` after the first began. `random` is in
 * [0, 1). A Retry-After is waited out whole or not at all, never cut short.
 */
export const nextTry = (
  failure: Pick<ModelFailure, "class" | "retryAfterMs">,
  { attempt, elapsedMs, random }: { attempt: number; elapsedMs: number; random: number },
  limits: AskLimits,
): NextTry => {
  const reaction = REACTIONS[failure.class];
  if (reaction !== "retry") return { kind: reaction };
  const ms = Math.max(failure.retryAfterMs ?? 0, backoffMs(attempt, random));
  const within =
    attempt < limits.maxTries && ms <= limits.maxWaitMs && elapsedMs + ms <= limits.totalMs;
  if (within) return { kind: "wait", ms };
  return { kind: "unavailable", retryInMs: Math.max(failure.retryAfterMs ?? 0, REST_MS) };
};
