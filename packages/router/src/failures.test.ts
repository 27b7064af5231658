import { FailureClass } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { FAILURES, restored } from "./index.ts";
import { candidate, reply, route, short, World } from "./router-fixture.ts";

const A = "a/one";
const B = "b/two";
const both = route([A, B]);
const alone = route([A]);

/** The first call of an asking failed at A just now. */
const failedAtA = (
  ...how: Parameters<World["fail"]> extends [string, ...infer Rest] ? Rest : never
) => {
  const world = new World();
  expect(world.sure("call-1", both)).toBe(A);
  world.fail("call-1", ...how);
  return world;
};

const other = { request: { ask: "ask-2" } };

describe("the failure table", () => {
  test("has a row for every class", () => {
    expect(Object.keys(FAILURES).sort()).toEqual([...FailureClass.options].sort());
  });

  test("invalid: of one that has replied in the run, nobody is asked again, and nothing is held against the provider", () => {
    const world = failedAtA("invalid");
    expect(short(world.ask(both, { proven: [A] }))).toBe("invalid");
    expect(world.ask(both, other)).toMatchObject({ kind: "chosen", candidate: { provider: "a" } });
    expect(world.health.candidates[A]?.circuit).toEqual({ state: "closed", results: [] });
  });

  test("invalid: of one that has replied to nothing in the run, the next is asked, and a person where none is left", () => {
    const world = failedAtA("invalid");
    expect(short(world.ask(alone))).toBe("unavailable");
    expect(world.sure("call-2", both)).toBe(B);
    world.fail("call-2", "invalid");
    expect(short(world.ask(both))).toBe("unavailable");
    expect(short(world.ask(both, { proven: [B] }))).toBe("invalid");
    expect(short(world.ask(both, other))).toBe(`chosen ${A}`);
    expect(world.health.candidates[A]?.circuit).toEqual({ state: "closed", results: [] });
  });

  test("context: only a candidate with a larger window is asked, and without one the conversation is too long", () => {
    const larger = route([A, candidate(B), candidate("c/long", { window: 1_000_000 })]);
    const world = failedAtA("context");
    expect(short(world.ask(larger))).toBe("chosen c/long");
    expect(short(world.ask(both))).toBe("context");
    expect(short(world.ask(both, other))).toBe(`chosen ${A}`);
  });

  test("auth: the key is not used until the configuration changes, for no model of its provider", () => {
    const world = failedAtA("auth");
    expect(short(world.ask(both))).toBe(`chosen ${B}`);
    world.pass(365 * 24 * 3_600_000);
    expect(short(world.ask(alone, other))).toBe("unavailable");
    expect(short(world.ask(route(["a/three"]), other))).toBe("unavailable");
    world.config = "settings-2";
    expect(short(world.ask(alone, other))).toBe(`chosen ${A}`);
  });

  test("credit: nothing is sent before the date that the provider names", () => {
    const world = failedAtA("credit", { until: "2026-12-01T00:00:00.000Z" });
    expect(short(world.ask(both))).toBe(`chosen ${B}`);
    expect(world.ask(alone, other)).toMatchObject({
      kind: "deferred",
      until: "2026-12-01T00:00:00.000Z",
    });
    world.at = Date.parse("2026-12-01T00:00:00.000Z");
    expect(short(world.ask(alone, { request: { ask: "ask-3" } }))).toBe(`chosen ${A}`);
  });

  test("credit: without a date it is an hour, and the same asking never tries again", () => {
    const world = failedAtA("credit");
    expect(world.ask(alone, other)).toMatchObject({ kind: "deferred", until: world.in(3_600_000) });
    world.health = restored(world.health);
    expect(short(world.ask(alone))).toBe("deferred 12:00:30");
    expect(short(world.ask(alone, other))).toBe(`chosen ${A}`);
  });

  test("gone: the model is dead until the configuration changes, and its provider is not", () => {
    const world = failedAtA("gone");
    expect(short(world.ask(both))).toBe(`chosen ${B}`);
    expect(short(world.ask(alone, other))).toBe("unavailable");
    expect(short(world.ask(route(["a/three"]), other))).toBe("chosen a/three");
    world.config = "settings-2";
    expect(short(world.ask(alone, other))).toBe(`chosen ${A}`);
  });

  test("rate: nothing is sent to the pool before the stated time, and at that very millisecond something is", () => {
    const world = failedAtA("rate", {
      until: "2026-11-21T12:01:30.007Z",
    });
    expect(short(world.ask(both))).toBe(`chosen ${B}`);
    expect(short(world.ask(alone))).toBe("wait 90007");
    world.pass(90_006);
    expect(short(world.ask(alone))).toBe("wait 1");
    world.pass(1);
    expect(short(world.ask(alone))).toBe(`chosen ${A}`);
  });

  test("rate: a time that has come already is no time, and each refusal in a row is left a longer pause", () => {
    const world = failedAtA("rate", { until: "2026-11-21T12:00:00.000Z" });
    expect(short(world.ask(alone))).toBe("wait 1000");
    world.pass(1_000);
    world.sure("again", alone, other);
    world.fail("again", "rate", { until: world.in(0) });
    expect(short(world.ask(alone))).toBe("wait 2000");
  });

  test("rate: a time beyond the longest wait is not clamped, and it is no failure for the circuit", () => {
    const world = failedAtA("rate", { until: "2026-11-21T14:00:00.000Z" });
    expect(short(world.ask(alone))).toBe("deferred 14:00:00");
    expect(world.health.candidates[A]?.circuit).toEqual({ state: "closed", results: [] });
  });

  test.each(["credit", "rate", "overload", "server", "network"] as const)(
    "%s: a stated time holds until a person acts",
    (name) => {
      const world = failedAtA(name, { until: "2026-12-01T00:00:00.000Z" });
      expect(short(world.ask(alone, other))).toBe("deferred 00:00:00");
      world.health = restored(world.health);
      expect(short(world.ask(alone, other))).toBe(`chosen ${A}`);
    },
  );

  test("rate: a window that a reply said to be used up is asked again when a person acts", () => {
    const world = new World();
    world.sure("call-1", alone);
    const requests = { limit: 50, remaining: 0, resetAt: "2026-12-01T00:00:00.000Z" };
    world.end("call-1", reply({}, { requests }));
    expect(short(world.ask(alone, other))).toBe("deferred 00:00:00");
    world.health = restored(world.health);
    expect(short(world.ask(alone, other))).toBe(`chosen ${A}`);
  });

  test("what a person does for one route leaves alone what was said of others", () => {
    for (const name of ["auth", "credit", "gone", "rate", "server"] as const) {
      const until = "2026-12-01T00:00:00.000Z";
      const world = failedAtA(name, { until });
      const before = world.health;
      world.health = restored(before, [candidate(B)]);
      expect(world.health).toEqual(before);
      world.health = restored(before, [candidate(A)]);
      expect(short(world.ask(alone, other))).toBe(`chosen ${A}`);
    }
  });

  test("rate: models of another pool are not touched, those of the same are", () => {
    const world = failedAtA("rate", { until: "2026-11-21T12:01:00.000Z" });
    expect(short(world.ask(route(["a/three"]), other))).toBe("wait 60000");
    expect(short(world.ask(route([candidate("a/three", { pool: "small" })]), other))).toBe(
      "chosen a/three",
    );
  });

  test.each(["overload", "server", "network"] as const)(
    "%s: the same candidate after a pause that doubles, then the next, and one more failure for its circuit",
    (name) => {
      const world = failedAtA(name);
      for (const [id, least, most] of [
        ["call-2", 500, 1_000],
        ["call-3", 1_000, 2_000],
      ] as const) {
        const pause = world.ask(both);
        expect(pause.kind).toBe("wait");
        const ms = pause.kind === "wait" ? pause.ms : 0;
        expect(ms).toBeGreaterThanOrEqual(least);
        expect(ms).toBeLessThanOrEqual(most);
        world.pass(ms);
        expect(world.sure(id, both)).toBe(A);
        world.fail(id, name);
      }
      expect(world.sure("call-4", both)).toBe(B);
      expect(world.health.candidates[A]?.circuit).toMatchObject({
        state: "closed",
        results: [{ ok: false }, { ok: false }, { ok: false }],
      });
      expect(world.health.candidates[B]?.circuit).toMatchObject({ state: "closed", results: [] });
    },
  );

  test.each(["overload", "server", "network"] as const)(
    "%s: a time that the provider states is kept to the millisecond",
    (name) => {
      const world = failedAtA(name, { until: "2026-11-21T12:00:45.003Z" });
      expect(short(world.ask(both))).toBe(`chosen ${B}`);
      expect(short(world.ask(alone))).toBe("wait 45003");
      world.pass(45_003);
      expect(short(world.ask(alone))).toBe(`chosen ${A}`);
    },
  );

  test("network: a call that was hung up on because it was to stop says nothing about its provider", () => {
    const world = failedAtA("network", { stopped: true });
    expect(world.health.candidates[A]?.circuit).toEqual({ state: "closed", results: [] });
  });

  test("refusal: one other candidate is asked, and no third", () => {
    const three = route([A, B, "c/three"]);
    const world = failedAtA("refusal");
    expect(world.sure("call-2", three)).toBe(B);
    world.fail("call-2", "refusal");
    expect(short(world.ask(three))).toBe("invalid");
    expect(short(world.ask(three, other))).toBe(`chosen ${A}`);
    expect(world.health.candidates[A]?.circuit).toEqual({ state: "closed", results: [] });
  });

  test("refusal: where no other is configured, the request is not accepted", () => {
    expect(short(failedAtA("refusal").ask(alone))).toBe("invalid");
  });

  test("a reply that stops at a limit is no failure", () => {
    const world = new World();
    world.sure("call-1", alone);
    world.end("call-1", {
      kind: "reply",
      usage: { input: 1, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 8_000 },
    });
    expect(short(world.ask(alone))).toBe(`chosen ${A}`);
    expect(world.health.candidates[A]?.circuit).toMatchObject({ results: [{ ok: true }] });
  });

  test.each([
    ["rate", 4],
    ["overload", 4],
    ["server", 8],
    ["network", 8],
  ] as const)("%s leaves room for %i calls at once", (name, room) => {
    const world = failedAtA(name, { until: new World().in(1_000) });
    expect(Math.floor(world.health.providers.a?.limit ?? 8)).toBe(room);
  });
});
