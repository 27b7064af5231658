import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { type BudgetLevel, foldAll, UserError } from "@headrace/domain";
import { openStore, verifyChain } from "@headrace/store";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { call, claimed, ManualClock, note } from "./suites/store-fixtures.ts";

const VERSION_1 = fileURLToPath(new URL("../fixtures/store-1.sql", import.meta.url));

let dir: string;
let file: string;
let clock: ManualClock;
const open = () => openStore({ file, clock });

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-upgrade-"));
  file = join(dir, "headrace.db");
  clock = new ManualClock();
  const db = new DatabaseSync(file);
  db.exec(await readFile(VERSION_1, "utf8"));
  db.close();
});

afterEach(() => rm(dir, { recursive: true }));

const tamper = (...statements: string[]): void => {
  const db = new DatabaseSync(file);
  for (const statement of statements) db.exec(statement);
  db.close();
};

/** Nano-dollars of the file's calls, by id: held and cost. */
const NANO = {
  c1: [90_000_000, 12_345_678],
  c2: [500_000_000, 333_333_333],
  c3: [400_000_001, 400_000_001],
  c4: [250_000_000, 0],
  // it cost more than it held, which that version allowed
  c5: [150, 150],
  c6: [777_777_777, 0],
} as const;
const SPENT = 745_679_162_000;

describe("a file of version 1", () => {
  it("has each of its calls in the ledger, in pico-dollars, with whose they were and when", async () => {
    await using store = await open();
    const calls = await store.calls("old-open");
    expect(calls.map(({ id, amount, cost }) => [id, amount, cost])).toEqual(
      Object.entries(NANO).map(([id, [held, cost]]) => [id, held * 1000, cost * 1000]),
    );
    expect(calls.map(({ state }) => state)).toEqual([
      ...["settled", "settled", "estimated", "released", "settled", "open"],
    ]);
    expect(calls[0]).toMatchObject({
      ...{ role: "planner", provider: "anthropic", tokens: 31_600 },
      ...{ at: "2026-09-30T23:59:00.000Z", settledAt: "2026-09-30T23:59:20.000Z" },
    });
    expect(calls[0]).not.toHaveProperty("task");
    expect(calls[5]).toMatchObject({ task: "alpha", attempt: 1 });
    expect(await store.totals("old-open")).toMatchObject({ settled: SPENT, inFlight: SPENT });
    expect((await store.totals()).settled).toBe(SPENT + 899_999_999_000);
    expect(await store.integrity()).toEqual([]);
  });

  it("has runs whose states are what their logs fold to, and logs that nobody touched", async () => {
    await using store = await open();
    const { run, tasks } = (await store.state("old-open")) ?? {};
    expect(run).toMatchObject({ spent: SPENT, budget: 30_000_000_001_000, calls: 4 });
    expect(tasks?.alpha?.spent).toBe(SPENT - 12_345_678_000);
    const over = (await store.state("old-over"))?.run;
    expect(over).toMatchObject({ spent: 899_999_999_000, budget: 1_000_000_000_000 });
    expect(over?.status).toBe("cancelled");
    for (const id of ["old-open", "old-over"]) {
      const events = await store.events(id);
      expect(verifyChain(events)).toBeUndefined();
      expect(foldAll(events)).toEqual(await store.state(id));
      expect(events.some(({ type }) => type === "run.upgraded")).toBe(false);
    }
  });

  it("counts what was spent and held in every account above the next call", async () => {
    await using store = await open();
    const fence = await claimed(store, "old-open", "s-alpha-2");
    const limit = 10_000_000_000_000;
    const taken = async (level: BudgetLevel, path: string) => {
      const accounts = [{ level, path, limit }];
      const answer = await store.reserve(fence, call("x", limit), { accounts });
      return answer.kind === "refused" ? limit - answer.available : 0;
    };
    const held = 777_777_777_000;
    expect(await taken("run", "run/old-open")).toBe(SPENT + held);
    const ofTask = SPENT - 12_345_678_000 + held;
    expect(await taken("task", "run/old-open/alpha")).toBe(ofTask);
    expect(await taken("attempt", "run/old-open/alpha/1")).toBe(ofTask);
    expect(await taken("installation", "installation")).toBe(SPENT + held + 899_999_999_000);
    // one call of the run was made the day before the others
    expect(await taken("day", "day/2026-09-30")).toBe(12_345_678_000);
  });

  it("is gone on with: its log says once that amounts are pico-dollars from there", async () => {
    clock.advance(Date.parse("2026-10-01T01:00:00.000Z") - clock.now().getTime());
    {
      await using store = await open();
      expect(await store.settleOrphans("old-open")).toMatchObject([{ id: "c6" }]);
      await store.append("old-open", [note("a")]);
      await store.append("old-over", []);
    }
    await using store = await open();
    const events = await store.events("old-open", 15);
    expect(events).toMatchObject([
      { type: "run.upgraded", amounts: "pico" },
      { type: "model.called", call: "c6", cost: 777_777_777_000 },
      { type: "note.added" },
    ]);
    expect((await store.state("old-open"))?.run).toMatchObject({
      spent: SPENT + 777_777_777_000,
      amounts: "pico",
    });
    expect((await store.state("old-over"))?.run.seq).toBe(5);
    expect(await store.integrity()).toEqual([]);
  });

  it("is left as it was where a log cannot be folded", async () => {
    tamper(
      "DROP TRIGGER events_no_update",
      `UPDATE events SET body = '{"type":"run.started"}' WHERE run = 'old-over' AND seq = 1`,
    );
    const error = await open().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toContain("the log of run old-over cannot be read");
    const db = new DatabaseSync(file, { readOnly: true });
    expect(db.prepare("PRAGMA user_version").get()).toEqual({ user_version: 1 });
    expect(db.prepare("SELECT count(*) AS n FROM calls").get()).toEqual({ n: 7 });
    db.close();
  });
});

describe("the ledger's table", () => {
  const forbidden: Array<[string, string]> = [
    ["UPDATE ledger SET amount = 1 WHERE call = 'c1'", "never changed"],
    ["DELETE FROM ledger", "never removed"],
    [
      "REPLACE INTO ledger (ordinal, run, call, kind, amount, at) VALUES (1, 'old-open', 'c1', 'waste', 1, '')",
      "has that entry already",
    ],
    [
      "REPLACE INTO ledger (run, call, kind, amount, at) VALUES ('old-open', 'c1', 'reserve', 1, '')",
      "has that entry already",
    ],
    [
      "INSERT INTO ledger (run, call, kind, amount, at) VALUES ('old-open', 'c1', 'release', 0, '')",
      "has that entry already",
    ],
    [
      "INSERT INTO ledger (run, call, kind, amount, at) VALUES ('old-open', 'c6', 'settle', -1, '')",
      "CHECK",
    ],
  ];
  it.each(forbidden)("refuses %s even from outside the store", async (statement, message) => {
    await (await open()).close();
    expect(() => tamper(statement)).toThrow(message);
  });

  const lies: Array<[string, string]> = [
    ["UPDATE calls SET cost = cost - 1 WHERE id = 'c2'", "call c2 of run old-open: its entries"],
    ["UPDATE calls SET amount = amount + 1 WHERE id = 'c6'", "call c6 of run old-open: it is not"],
    ["UPDATE accounts SET settled = 0 WHERE path = 'installation'", "account installation is not"],
    ["DELETE FROM accounts WHERE path = 'run/old-open/alpha'", "account run/old-open/alpha is not"],
    [
      "INSERT INTO ledger (run, call, kind, amount, what, at) VALUES ('old-open', 'c2', 'waste', 5, 'runaway', '')",
      "call c2 of run old-open: what became of it does not add up to its cost",
    ],
    [
      "INSERT INTO ledger (run, call, kind, amount, what, at) VALUES ('old-open', 'c6', 'settle', 5, 'settled', '')",
      "call c6 of run old-open: it is open, and by its entries settled",
    ],
  ];
  it.each(lies)("is compared with calls and accounts: %s is found", async (statement, problem) => {
    await (await open()).close();
    tamper(statement);
    await using store = await open();
    expect((await store.integrity()).join()).toContain(problem);
  });
});
