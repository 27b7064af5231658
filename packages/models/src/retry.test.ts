import type { FailureClass } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { type AskLimits, nextTry } from "./retry.ts";

const limits: AskLimits = { maxTries: 6, maxWaitMs: 120_000, totalMs: 900_000 };
const fail = (failureClass: FailureClass, retryAfterMs?: number) => ({
  class: failureClass,
  retryAfterMs,
});
const at = (attempt: number, elapsedMs = 0, random = 0.5) => ({ attempt, elapsedMs, random });

test.each(["rate", "overload", "server", "network"] as const)("%s is tried again", (name) => {
  expect(nextTry(fail(name), at(1), limits).kind).toBe("wait");
});

test.each(["auth", "credit", "gone"] as const)(
  "%s needs a person: no retry and no time",
  (name) => {
    expect(nextTry(fail(name, 1000), at(1), limits)).toEqual({ kind: "unavailable" });
  },
);

test.each(["invalid", "context"] as const)("%s condemns the request", (name) => {
  expect(nextTry(fail(name), at(1), limits)).toEqual({ kind: "invalid" });
});

describe("the wait", () => {
  test("doubles up to thirty seconds and keeps to the upper half of its step", () => {
    const waits = (random: number) =>
      [1, 2, 3, 4, 5].map((n) => nextTry(fail("overload"), at(n, 0, random), limits));
    expect(waits(0)).toEqual([500, 1000, 2000, 4000, 8000].map((ms) => ({ kind: "wait", ms })));
    expect(waits(1)).toEqual([1000, 2000, 4000, 8000, 16000].map((ms) => ({ kind: "wait", ms })));
    const patient = { ...limits, maxTries: 20 };
    expect(nextTry(fail("overload"), at(12, 0, 1), patient)).toEqual({ kind: "wait", ms: 30_000 });
  });

  test("is never shorter than what the provider asked for", () => {
    expect(nextTry(fail("rate", 90_000), at(1), limits)).toEqual({ kind: "wait", ms: 90_000 });
    expect(nextTry(fail("rate", 0), at(1, 0, 0), limits)).toEqual({ kind: "wait", ms: 500 });
  });
});

describe("an ask ends", () => {
  test("when the tries are used up", () => {
    expect(nextTry(fail("server"), at(6), limits)).toEqual({
      kind: "unavailable",
      retryInMs: 60_000,
    });
  });
  test("when the provider asks for a longer wait than one ask may take, which is then kept whole", () => {
    expect(nextTry(fail("rate", 3_600_000), at(1), limits)).toEqual({
      kind: "unavailable",
      retryInMs: 3_600_000,
    });
  });
  test("when the wait would end after the ask's time", () => {
    expect(nextTry(fail("server"), at(2, 899_500), limits).kind).toBe("unavailable");
  });
});
