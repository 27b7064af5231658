import { NO_USAGE, type TokenUsage, totalTokens } from "@headrace/domain";
import fc from "fast-check";
import { expect, test } from "vitest";
import { handoffDue } from "./handoff-due.ts";

const LIMITS = { window: 0.5, cost: 2, turns: 12 };

/** Turns of a conversation whose cache works: each reads what was there and writes what is new. */
const cached = (opening: number, more: readonly number[]): TokenUsage[] => {
  let read = 0;
  return [opening, ...more].map((fresh) => {
    const turn = { ...NO_USAGE, cacheRead: read, cacheWrite5m: fresh, output: 100 };
    read += fresh;
    return turn;
  });
};
const steady = (turns: number, fresh = 1_000) => Array.from({ length: turns }, () => fresh);

test("a turn that takes up more than half of the window is the last, and no turn before it", () => {
  const turns = cached(8_000, steady(100, 3_000));
  const due = (n: number) => handoffDue(turns.slice(0, n), 200_000, LIMITS);
  const first = turns.findIndex((u) => totalTokens(u) > 100_000) + 1;
  expect(due(first - 1)).toBeUndefined();
  expect(due(first)).toBe(
    "a turn takes up 101,100 of the 200,000 tokens that the model has room for",
  );
});

test("an unknown window, or a conversation that is mostly its opening, ends nothing", () => {
  const turns = cached(8_000, steady(40, 3_000));
  expect(handoffDue(turns, undefined, LIMITS)).toBeUndefined();
  expect(handoffDue(cached(90_000, steady(10)), 150_000, LIMITS)).toBeUndefined();
  expect(handoffDue([], 200_000, LIMITS)).toBeUndefined();
});

test("prompts that cost twice the median for a while are the end: as when the cache runs out between turns", () => {
  const good = cached(5_000, steady(30, 1_500));
  const carried = totalTokens(good.at(-1) ?? NO_USAGE);
  const missed = { ...NO_USAGE, cacheWrite5m: carried, output: 100 };
  const after = (n: number) => handoffDue([...good, ...Array(n).fill(missed)], 1_000_000, LIMITS);
  expect(after(2)).toBeUndefined();
  expect(after(3)).toMatch(/^the prompt of a turn costs \d+\.\d times what it did$/);
});

test("neither a long reply, nor one big output, nor a dear turn of a small conversation is", () => {
  const good = cached(5_000, steady(40, 1_000));
  const writing = good.map((u, i) => (i > 30 ? { ...u, output: 8_000 } : u));
  expect(handoffDue(writing, 1_000_000, LIMITS)).toBeUndefined();
  expect(handoffDue(cached(5_000, [...steady(40), 9_000]), 1_000_000, LIMITS)).toBeUndefined();
  const small = cached(2_000, [...steady(15, 100), ...steady(5, 3_000)]);
  expect(handoffDue(small, 1_000_000, LIMITS)).toBeUndefined();
});

test("no conversation that grows by the same with every turn is ended for its cost", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_000, max: 50_000 }),
      fc.integer({ min: 100, max: 4_000 }),
      fc.integer({ min: 1, max: 120 }),
      (opening, fresh, turns) =>
        handoffDue(cached(opening, steady(turns, fresh)), undefined, LIMITS) === undefined,
    ),
  );
});
