import { canonicalJson, type StoredEvent } from "@headrace/domain";
import { describe, expect, it } from "vitest";
import { GENESIS, hashOf, verifyChain } from "./chain.ts";

const chainOf = (run: string, texts: string[]): StoredEvent[] => {
  let prev = GENESIS;
  return texts.map((text, i) => {
    const about = { seq: i + 1, at: "2026-11-21T08:00:00.000Z", run, prev };
    const body = { type: "note.added", level: "info", text, ...about } as const;
    prev = hashOf(canonicalJson(body));
    return { ...body, hash: prev };
  });
};

const whole = chainOf("r1", ["a", "b", "c", "d"]);
const edited = (seq: number, change: Partial<StoredEvent>): StoredEvent[] =>
  whole.map((event) => (event.seq === seq ? ({ ...event, ...change } as StoredEvent) : event));
const renumbered = (events: StoredEvent[]): StoredEvent[] =>
  events.map((event, i) => ({ ...event, seq: i + 1 }));

describe("verifyChain", () => {
  it("finds nothing in a whole log, an empty one, or one whose keys were reordered", () => {
    expect(verifyChain(whole)).toBeUndefined();
    expect(verifyChain([])).toBeUndefined();
    const reordered = whole.map((event) => Object.fromEntries(Object.entries(event).reverse()));
    expect(verifyChain(reordered as StoredEvent[])).toBeUndefined();
  });

  const content = "its content does not match its hash";
  const link = "does not follow from the event before it";
  const breaks: Array<[string, StoredEvent[], number, string]> = [
    ["an edited text", edited(2, { text: "B" }), 2, content],
    ["an edited time", edited(4, { at: "2026-11-21T09:00:00.000Z" }), 4, content],
    ["an added field", edited(1, { task: "t1" }), 1, content],
    ["an edited hash", edited(3, { hash: whole[0]?.hash ?? "" }), 3, content],
    ["a removed first event", whole.slice(1), 1, "expected event 1, found 2"],
    ["a removed inner event", whole.toSpliced(1, 1), 2, "expected event 2, found 3"],
    ["a removed and renumbered one", renumbered(whole.toSpliced(1, 1)), 2, link],
    [
      "a repeated event",
      whole.toSpliced(2, 0, ...whole.slice(1, 2)),
      3,
      "expected event 3, found 2",
    ],
    ["an inserted event", renumbered(whole.toSpliced(2, 0, ...whole.slice(1, 2))), 3, link],
    ["swapped events", [1, 0, 2, 3].flatMap((i) => whole[i] ?? []), 1, "expected event 1, found 2"],
    [
      "an event of another run",
      [...whole.slice(0, 3), ...chainOf("r2", ["a", "b", "c", "d"]).slice(3)],
      4,
      "belongs to run r2, not to r1",
    ],
    [
      "a rewritten tail",
      [...whole.slice(0, 2), ...chainOf("r1", ["a", "x", "c", "d"]).slice(2)],
      3,
      link,
    ],
  ];
  it.each(breaks)("finds %s", (_, events, seq, reason) => {
    expect(verifyChain(events)).toEqual({ seq, reason });
  });
});
