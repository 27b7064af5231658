import { type TokenUsage, totalTokens } from "@headrace/domain";
import type { HandoffLimits } from "./define.ts";

/** What a token of a prompt costs beside an uncached one: the multipliers that providers price by. */
const WEIGHTS = { input: 1, cacheWrite5m: 1.25, cacheWrite1h: 2, cacheRead: 0.1 } as const;

/** Turns whose median is compared, so that one long output does not count as a trend. */
const RECENT = 5;
/** Below this a conversation is cheaper to go on with than to leave, whatever its turns cost. */
const SMALL_TOKENS = 32_000;

const promptTokens = (usage: TokenUsage): number => totalTokens(usage) - usage.output;

/**
 * What a turn's prompt cost, in uncached input tokens. The reply is left out, for a fresh conversation makes none
 * shorter: a coder that begins to write after reading is no reason to leave.
 */
const promptCost = ({ input, cacheWrite5m, cacheWrite1h, cacheRead }: TokenUsage): number =>
  input * WEIGHTS.input +
  cacheWrite5m * WEIGHTS.cacheWrite5m +
  cacheWrite1h * WEIGHTS.cacheWrite1h +
  cacheRead * WEIGHTS.cacheRead;

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
};

const whole = (n: number): string => n.toLocaleString("en-US");

/**
 * Why a conversation is better left for a fresh one, from what each of its turns used; undefined while it is not.
 * `window`: the tokens that the model takes, where that is known. One whose opening is half of what it carries is kept:
 * the next would start with as much.
 */
export const handoffDue = (
  turns: readonly TokenUsage[],
  window: number | undefined,
  limits: HandoffLimits,
): string | undefined => {
  const [first] = turns;
  const last = turns.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const carried = totalTokens(last);
  if (carried < 2 * promptTokens(first)) return undefined;
  if (window !== undefined && carried > window * limits.window)
    return `a turn takes up ${whole(carried)} of the ${whole(window)} tokens that the model has room for`;
  if (turns.length < limits.turns || carried < SMALL_TOKENS) return undefined;
  const costs = turns.map(promptCost);
  const times = median(costs.slice(-RECENT)) / median(costs);
  return times >= limits.cost
    ? `the prompt of a turn costs ${times.toFixed(1)} times what it did`
    : undefined;
};
