import type { NewEvent, StoredEvent } from "@headrace/domain";
import { expect, test } from "vitest";
import { NOTHING_TOLD, newsOf } from "./news.ts";

const MINUTE = 60_000;
const START = Date.parse("2026-11-20T22:00:00.000Z");
const at = (minutes: number): string => new Date(START + minutes * MINUTE).toISOString();

type Happened = [minutes: number, event: NewEvent];

/** Each news of a run in which this happened, with the minute it was told in. */
const newsIn = (...happened: Happened[]): [number, string, string][] => {
  let telling = NOTHING_TOLD;
  const told: [number, string, string][] = [];
  for (const [i, [minutes, event]] of happened.entries()) {
    const envelope = { run: "r", seq: i + 1, at: at(minutes), prev: "", hash: "" };
    const { after, news } = newsOf(telling, { ...envelope, ...event } as StoredEvent);
    telling = after;
    if (news !== undefined) told.push([minutes, news.status, news.message]);
  }
  return told;
};

const failed = (of: string): NewEvent => ({
  ...{ type: "model.failed", step: "s", role: "coder", class: of, provider: "anthropic" },
  reason: "told so",
});
const warned = (text: string): NewEvent => ({ type: "note.added", level: "warning", text });
const deferred = (until: number, step = "s"): NewEvent => ({
  ...{ type: "step.deferred", step, until: at(until), reason: "the provider is overloaded" },
});
const NO_USAGE = { input: 0, output: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0 };
const called = (estimated = false): NewEvent => ({
  ...{ type: "model.called", call: "c", step: "s", role: "coder", model: "m" },
  ...{ usage: NO_USAGE, cost: 1, estimated, durationMs: 1 },
});
/** A wait of five minutes, over and over. */
const waiting = (from: number, to: number): Happened[] =>
  Array.from({ length: (to - from) / 5 + 1 }, (_, i) => [from + i * 5, deferred(from + i * 5 + 5)]);

test.each(["auth", "credit", "gone"])(
  "the warning that comes with a failure of class %s is told at once, however long the wait",
  (of) => {
    const news = newsIn([0, failed(of)], [0, warned("see to it")], [0, deferred(59.999)]);
    expect(news).toEqual([[0, "provider", "warning: see to it"]]);
  },
);

test("other warnings and other failures are no news", () => {
  const news = newsIn(
    [0, warned("the branch was not written")],
    [1, failed("overload")],
    [1, warned("the branch was not written")],
    [2, failed("credit")],
    [2, { type: "note.added", level: "info", text: "a word" }],
    [3, warned("the branch was not written")],
  );
  expect(news).toEqual([]);
});

test("short waits without an answer are told once they have come to an hour, and no more that night", () => {
  const news = newsIn([0, called()], ...waiting(30, 500));
  const words = `no model has answered since ${at(30)}; waits until ${at(95)}: the provider is overloaded`;
  expect(news).toEqual([[90, "deferred", words]]);
});

test("an answer begins another hour, and what is billed without one does not", () => {
  const minutes = newsIn(
    ...waiting(0, 55),
    [56, called()],
    ...waiting(60, 100),
    [101, called(true)],
    ...waiting(105, 200),
    [201, called()],
    ...waiting(205, 270),
  ).map(([minute]) => minute);
  expect(minutes).toEqual([120, 265]);
});

test("hours without a call are no silence where nothing waits", () => {
  expect(newsIn([0, called()], ...waiting(300, 355))).toEqual([]);
});

test("a person who resumes the run begins another hour", () => {
  expect(newsIn(...waiting(0, 50), [55, { type: "run.resumed" }], ...waiting(60, 115))).toEqual([]);
});

test("a wait of an hour is told once, and silence not before it should be over", () => {
  const news = newsIn(
    [0, deferred(120, "a")],
    [0, deferred(120, "b")],
    ...waiting(5, 175),
    [180, deferred(185)],
    ...waiting(185, 300),
  );
  expect(news.map(([minute, status]) => [minute, status])).toEqual([
    [0, "deferred"],
    [180, "deferred"],
  ]);
  expect(news[1]?.[2]).toContain(`no model has answered since ${at(120)}`);
});
