import type { FailureClass } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { askAgainAt } from "./ask-again-at.ts";
import { rateFacts } from "./rate-facts.ts";

const NOW = new Date("2026-11-21T12:00:00Z");

const at = (failureClass: FailureClass, headers: Record<string, string>, message = "?") =>
  askAgainAt({ class: failureClass, message }, new Headers(headers), NOW);

const window = (name: string, limit: string, remaining: string, reset: string) => ({
  [`anthropic-ratelimit-${name}-limit`]: limit,
  [`anthropic-ratelimit-${name}-remaining`]: remaining,
  [`anthropic-ratelimit-${name}-reset`]: reset,
});

describe("Retry-After", () => {
  test.each<[Record<string, string>, string | undefined]>([
    [{}, undefined],
    [{ "retry-after": "7" }, "2026-11-21T12:00:07.000Z"],
    [{ "retry-after": "0.5" }, "2026-11-21T12:00:00.500Z"],
    [{ "retry-after": "0" }, "2026-11-21T12:00:00.000Z"],
    [{ "retry-after": "7200" }, "2026-11-21T14:00:00.000Z"],
    [{ "retry-after": "2678400" }, "2026-12-22T12:00:00.000Z"],
    [{ "retry-after": "2678401" }, undefined],
    [{ "retry-after": "999999999999" }, undefined],
    [{ "retry-after": "9".repeat(400) }, undefined],
    [{ "retry-after": "Sat, 13 Sep 275760 00:00:00 GMT" }, undefined],
    [{ "retry-after-ms": "1234", "retry-after": "99" }, "2026-11-21T12:00:01.234Z"],
    [{ "retry-after-ms": "NaN", "retry-after": "3" }, "2026-11-21T12:00:03.000Z"],
    [{ "retry-after": "Sat, 21 Nov 2026 12:01:30 GMT" }, "2026-11-21T12:01:30.000Z"],
    [{ "retry-after": "Sat, 21 Nov 2026 11:00:00 GMT" }, "2026-11-21T12:00:00.000Z"],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "-5" }, undefined],
  ])("%j is %s, whatever the class", (headers, expected) => {
    for (const name of ["rate", "overload", "server", "credit"] as const)
      expect(at(name, headers)).toBe(expected);
  });

  test("a date is read against the answer's own, so that a wrong clock here does not matter", () => {
    const headers = {
      "retry-after": "Sat, 21 Nov 2026 13:00:30 GMT",
      date: "Sat, 21 Nov 2026 13:00:00 GMT",
    };
    expect(at("rate", headers)).toBe("2026-11-21T12:00:30.000Z");
  });
});

test("an answer whose own date is absurd is read by the clock here", () => {
  for (const date of ["Sat, 13 Sep 275760 00:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "?"]) {
    const headers = { "retry-after": "Sat, 21 Nov 2026 12:01:30 GMT", date };
    expect(at("rate", headers)).toBe("2026-11-21T12:01:30.000Z");
  }
});

test("a time that nobody can mean gives way to one that is stated elsewhere", () => {
  const headers = {
    "retry-after": "999999999999",
    ...window("requests", "50", "0", "2026-11-21T12:00:20Z"),
  };
  expect(at("rate", headers)).toBe("2026-11-21T12:00:20.000Z");
});

describe("without it", () => {
  const exhausted = {
    ...window("requests", "50", "0", "2026-11-21T12:00:20Z"),
    ...window("input-tokens", "1000", "0", "2026-11-21T12:00:50Z"),
    ...window("output-tokens", "1000", "400", "2026-11-21T13:00:00Z"),
  };

  test("a rate limit ends when the last window that is used up is whole again", () => {
    expect(at("rate", exhausted)).toBe("2026-11-21T12:00:50.000Z");
  });

  test("windows with something left say nothing, and none do when it is not the rate that failed", () => {
    expect(at("rate", window("tokens", "9", "1", "2026-11-21T12:00:20Z"))).toBeUndefined();
    expect(at("overload", exhausted)).toBeUndefined();
  });

  test.each<[string, string | undefined]>([
    ["You will regain access on 2026-12-01 at 00:00 UTC.", "2026-12-01T00:00:00.000Z"],
    ["usage limits. Access resumes 2026-12-01T08:30:00Z", "2026-12-01T08:30:00.000Z"],
    ["blocked until 2026-12-01", "2026-12-01T00:00:00.000Z"],
    ["spent on 2026-11-20, back on 2026-12-01 at 00:00 UTC", "2026-12-01T00:00:00.000Z"],
    ["it ended on 2026-11-20", undefined],
    ["back on 2026-13-45", undefined],
    ["Your credit balance is too low.", undefined],
  ])("a spend limit that says %j is %s", (message, expected) => {
    expect(at("credit", {}, message)).toBe(expected);
    expect(at("invalid", {}, message)).toBeUndefined();
  });
});

test("windows are read by the clock here where the answer's own date is absurd", () => {
  const headers = new Headers({
    date: "Sat, 13 Sep 275760 00:00:00 GMT",
    ...window("requests", "50", "0", "2026-11-21T12:00:20Z"),
    ...window("tokens", "50", "0", "0000-01-01T00:00:00Z"),
  });
  expect(rateFacts(headers, NOW)).toEqual({
    requests: { limit: 50, remaining: 0, resetAt: "2026-11-21T12:00:20.000Z" },
  });
});

test("the cap of an API tier ends with the month, in December with the year", () => {
  const failure = { class: "credit", code: "enforced_spend_limit_reached", message: "?" } as const;
  const headers = new Headers();
  expect(askAgainAt(failure, headers, NOW)).toBe("2026-12-01T00:00:00.000Z");
  const december = new Date("2026-12-31T23:59:59Z");
  expect(askAgainAt(failure, headers, december)).toBe("2027-01-01T00:00:00.000Z");
});

describe("rate facts", () => {
  const facts = (headers: Record<string, string>) => rateFacts(new Headers(headers), NOW);

  test("every window of the headers is told, by the clock here", () => {
    const headers = {
      date: "Sat, 21 Nov 2026 12:10:00 GMT",
      ...window("requests", "50", "49", "2026-11-21T12:10:01Z"),
      ...window("tokens", "90000", "81000", "2026-11-21T12:10:06Z"),
      ...window("input-tokens", "80000", "72000", "2026-11-21T12:10:06+00:00"),
      ...window("output-tokens", "10000", "9000", "2026-11-21T13:10:06+01:00"),
    };
    expect(facts(headers)).toEqual({
      requests: { limit: 50, remaining: 49, resetAt: "2026-11-21T12:00:01.000Z" },
      tokens: { limit: 90_000, remaining: 81_000, resetAt: "2026-11-21T12:00:06.000Z" },
      inputTokens: { limit: 80_000, remaining: 72_000, resetAt: "2026-11-21T12:00:06.000Z" },
      outputTokens: { limit: 10_000, remaining: 9_000, resetAt: "2026-11-21T12:00:06.000Z" },
    });
  });

  test.each([
    ["no limit", { ...window("requests", "", "1", "2026-11-21T12:10:01Z") }],
    ["a negative rest", window("requests", "1", "-1", "2026-11-21T12:10:01Z")],
    ["a time of day", window("requests", "1", "1", "12:10:01")],
    ["seconds", window("requests", "1", "1", "60")],
    ["no such day", window("requests", "1", "1", "2026-02-31T00:00:00Z")],
    ["a reset in the year 0000", window("requests", "1", "0", "0000-01-01T00:00:00Z")],
    ["a reset in the year 9999", window("requests", "1", "0", "9999-12-31T23:59:59Z")],
  ])("a window with %s is left out", (_, headers) => {
    expect(facts(headers)).toBeUndefined();
    const good = window("tokens", "9", "9", "2026-11-21T12:10:01Z");
    expect(Object.keys(facts({ ...headers, ...good }) ?? {})).toEqual(["tokens"]);
  });
});
