import { type DemandRow, NO_USAGE, type TryRow } from "@headrace/domain";
import { expect, test } from "vitest";
import { dailyRows, unmetRows } from "./exhaust-views.ts";

const at = (hour: number) => new Date(Date.UTC(2026, 10, 21, hour)).toISOString();

const tried = (over: Partial<TryRow> = {}): TryRow => ({
  ...{ at: at(8), run: "r", step: "s", role: "coder", turn: 1, ask: "a1", call: "c1" },
  ...{ provider: "p", model: "m", outcome: "ok", durationMs: 100, ordinal: 1, cost: 5 },
  ...over,
});

const chosen = (ask: string, ...candidates: string[]): DemandRow => ({
  ...{ at: at(8), run: "r", step: "s", turn: 1, ask },
  decision: {
    ...{ role: "coder", outcome: "chosen" },
    considered: candidates.map((candidate) => ({ candidate, why: "not-needed" })),
  },
});

const unmet = (ask: string, hour: number, why: "busy" | "rate-limited"): DemandRow => ({
  ...{ at: at(hour), run: "r", step: "s", turn: 1, ask },
  decision: { role: "coder", outcome: "wait", considered: [{ candidate: "p/m", why }] },
});

test("latency is that of the requests that succeeded, by nearest rank", () => {
  const times = Array.from({ length: 20 }, (_, i) => tried({ durationMs: (20 - i) * 10 }));
  const failed = tried({ outcome: "overload", durationMs: 9_999 });
  expect(dailyRows({ tries: [...times, failed], demand: [] })).toMatchObject([
    { requests: 21, ok: 20, p50Ms: 100, p95Ms: 190, cost: 105, fallbacks: 0, chosen: 0 },
  ]);
});

test("a day, a role and a model have a row each, and counting tokens is in none", () => {
  const { call: _, ...counting } = tried();
  const tries = [
    ...[tried(), tried({ role: "reviewer" }), tried({ model: "n", outcome: "server" }), counting],
    tried({ at: new Date(Date.UTC(2026, 10, 22)).toISOString() }),
  ];
  const rows = dailyRows({ tries, demand: [] });
  expect(rows.map(({ day, role, model }) => `${day} ${role} ${model}`)).toEqual([
    "2026-11-21 coder p/m",
    "2026-11-21 coder p/n",
    "2026-11-21 reviewer p/m",
    "2026-11-22 coder p/m",
  ]);
  expect(rows[1]).not.toHaveProperty("p50Ms");
});

test("a fallback is a request to another model than the first its choice considered", () => {
  const tries = [
    tried({ ask: "a1" }),
    tried({ ask: "a2", provider: "q" }),
    tried({ ask: "a3", provider: "q" }),
  ];
  const demand = [chosen("a1", "p/m", "q/m"), chosen("a2", "p/m", "q/m"), chosen("a2", "q/m")];
  expect(dailyRows({ tries, demand })).toMatchObject([
    { model: "p/m", fallbacks: 0, chosen: 1 },
    { model: "q/m", requests: 2, fallbacks: 1, chosen: 1 },
  ]);
});

test("the cache share is of all input of the day", () => {
  const usage = { ...NO_USAGE, input: 10, cacheWrite5m: 20, cacheWrite1h: 10, cacheRead: 60 };
  const [row] = dailyRows({ tries: [tried({ usage }), tried({ usage })], demand: [] });
  expect(row).toMatchObject({ inputTokens: 200, cacheReadTokens: 120 });
});

test("unmet demand is what was not sent, by what stood in the way, most often first", () => {
  const demand = [
    ...[chosen("a0", "p/m"), unmet("a1", 8, "busy"), unmet("a1", 9, "rate-limited")],
    ...[unmet("a1", 10, "rate-limited"), unmet("a2", 11, "rate-limited")],
  ];
  expect(unmetRows(demand)).toMatchObject([
    { candidate: "p/m", why: "rate-limited", decisions: 3, asks: 2, last: at(11) },
    { candidate: "p/m", why: "busy", decisions: 1, asks: 1, last: at(8) },
  ]);
});
