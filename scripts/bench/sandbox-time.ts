import type { StoredEvent } from "../../packages/domain/src/index.ts";

type Interval = readonly [from: number, to: number];

/** How long at least one of the intervals was running. */
export const unionOf = (intervals: readonly Interval[]): number => {
  let total = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const [from, to] of intervals.toSorted(([a], [b]) => a - b)) {
    total += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return total;
};

/**
 * Milliseconds of a run in which at least one command of an agent or gate was running in a sandbox. Events are
 * written when a command has ended.
 */
export const sandboxTime = (events: readonly StoredEvent[]): number =>
  unionOf(
    events.flatMap((event): Interval[] => {
      const ended = Date.parse(event.at);
      if (event.type === "tool.ran") return [[ended - event.durationMs, ended]];
      if (event.type === "gate.finished") return [[ended - event.result.durationMs, ended]];
      return [];
    }),
  );
