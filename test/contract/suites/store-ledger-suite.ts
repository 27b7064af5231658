import { type Account, accountsOf, type Fence } from "@headrace/domain";
import { describe, expect, it } from "vitest";
import { type OpenStore, withStore } from "./store-context.ts";
import { call, called, claimed, START, submitted, within } from "./store-fixtures.ts";

const MINUTE = 60_000;
const later = (ms: number) => new Date(START + ms).toISOString();

/** Reservations: what is granted, what is refused, and by which account. */
export const ledgerSuite = (open: OpenStore) => {
  const given = withStore(open);

  /** Reserves and settles at once. */
  const spend = async (fence: Fence, id: string, cost: number, limits = within(1_000_000)) => {
    const { store } = given;
    await store.reserve(fence, call(id, cost), limits);
    const events = [called(fence.step, id, cost)];
    await store.settle(fence, { id, state: "settled", cost }, { events });
  };

  it("grants reservations until the budget is held, and says what was available", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    expect(await store.reserve(fence, call("c1", 600), within(1000))).toEqual({ kind: "granted" });
    expect(await store.reserve(fence, call("c2", 401), within(1000))).toEqual({
      kind: "refused",
      level: "run",
      path: "run/r1",
      needed: 401,
      available: 400,
      held: 600,
    });
    expect(await store.reserve(fence, call("c3", 400), within(1000))).toEqual({ kind: "granted" });
    expect((await store.calls("r1")).map((c) => [c.id, c.state])).toEqual([
      ["c1", "open"],
      ["c3", "open"],
    ]);
  });

  it("keeps whose call it is, and by whom it is asked", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    const owned = { ...call("c1", 600, 70), task: "t1", attempt: 2 };
    await store.reserve(fence, owned, within(1000));
    expect(await store.calls("r1")).toEqual([
      { ...owned, ...fence, state: "open", cost: 0, at: later(0) },
    ]);
  });

  it("keeps a call together with the choice that led to it, or neither of them", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    const decision = { role: "coder" as const, outcome: "chosen" as const, considered: [] };
    const demand = { at: later(0), run: "r1", step: "s1", turn: 1, ask: "a1", decision };
    // a run that is not there cannot have asked for anything
    const broken = store.reserve(fence, call("c1", 600), within(1000), { ...demand, run: "r9" });
    await expect(broken).rejects.toThrow();
    expect(await store.call("r1", "c1")).toBeUndefined();
    const refused = await store.reserve(fence, call("c2", 1001), within(1000), demand);
    expect(refused).toMatchObject({ kind: "refused", available: 1000 });
    expect((await store.exhaust()).demand).toEqual([]);
    for (const _ of ["once", "again"])
      await store.reserve(fence, call("c3", 1000), within(1000), demand);
    expect((await store.exhaust()).demand).toEqual([demand]);
  });

  it("finds one call, the last one with a usage of a step, of a role for a task or of a candidate, and how calls came out", async () => {
    const { store } = given;
    await store.append("r2", [submitted()]);
    const [s1, s2] = [await claimed(store, "r1", "s1"), await claimed(store, "r1", "s2")];
    const usage = { input: 5, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 1 };
    const end = async (fence: Fence, id: string, outcome: string, used?: typeof usage) => {
      await store.reserve(fence, { ...call(id, 10), task: "t1", attempt: 1 }, within(1000));
      const { role, turn, ask, provider, model } = call(id, 10);
      const at = later(0);
      const tried = { ...{ at, ...fence, role, turn, ask, call: id, provider, model, outcome } };
      await store.settle(
        fence,
        { id, state: "settled", cost: 5, ...(used === undefined ? {} : { usage: used }) },
        {
          events: [called(fence.step, id, 5)],
          tried: { ...tried, durationMs: 1, ordinal: 1 },
        },
      );
    };
    await end(s1, "c1", "ok", usage);
    await end(s2, "c2", "refusal", usage);
    await end(s1, "c3", "ok");
    expect(await store.call("r1", "c2")).toMatchObject({ id: "c2", step: "s2" });
    expect(await store.call("r2", "c2")).toBeUndefined();
    expect(await store.lastUsed("r1", { step: "s1" })).toMatchObject({ id: "c1" });
    expect(await store.lastUsed("r1", { step: "s3" })).toBeUndefined();
    expect(await store.lastUsed("r1", { task: "t1", role: "coder" })).toMatchObject({ id: "c2" });
    expect(await store.lastUsed("r1", { task: "t1", role: "planner" })).toBeUndefined();
    const { provider, model } = call("c1", 10);
    expect(await store.lastUsed("r1", { provider, model })).toMatchObject({ id: "c2" });
    expect(await store.lastUsed("r2", { provider, model })).toBeUndefined();
    const outcomes = new Map([
      ...[["c1", "ok"] as const, ["c2", "refusal"] as const, ["c3", "ok"] as const],
    ]);
    expect(await store.outcomes("r1")).toEqual(outcomes);
    expect(await store.outcomes("r2")).toEqual(new Map());
  });

  it("gives back what a settled call did not use, and all of a released one", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    await store.reserve(fence, call("c1", 700), within(1000));
    const c1 = { id: "c1", state: "settled", cost: 100 } as const;
    await store.settle(fence, c1, { events: [called("s1", "c1", 100)] });
    await store.reserve(fence, call("c2", 900), within(1000));
    await store.settle(fence, { id: "c2", state: "released", cost: 0 }, {});
    const refused = await store.reserve(fence, call("c3", 901), within(1000));
    expect(refused).toMatchObject({ available: 900 });
    expect(await store.reserve(fence, call("c4", 900), within(1000))).toEqual({ kind: "granted" });
  });

  it("counts against the limits of the moment, and never offers less than nothing", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    await spend(fence, "c1", 1000);
    const refused = await store.reserve(fence, call("c2", 1), within(900));
    expect(refused).toMatchObject({ needed: 1, available: 0 });
    expect(await store.reserve(fence, call("c3", 1000), within(2000))).toEqual({ kind: "granted" });
  });

  it("refuses by the widest account that cannot hold a call, and then holds it on none", async () => {
    const { store } = given;
    await store.append("r2", [submitted()]);
    const one = await claimed(store, "r1", "s1");
    const two = await claimed(store, "r2", "s1");
    const limits = (run: string, attempt: number) => ({
      accounts: accountsOf(
        { run, task: "t1", attempt },
        { run: 1000, total: 1500, day: 1400, task: 900, attempt: 500 },
        new Date(START),
      ),
    });
    await store.reserve(one, call("a", 500), limits("r1", 1));
    const level = async (fence: Fence, amount: number, attempt: number) => {
      const answer = await store.reserve(fence, call("x", amount), limits(fence.run, attempt));
      return answer.kind === "granted" ? answer.kind : `${answer.path} ${answer.available}`;
    };
    expect(await level(one, 1, 1)).toBe("run/r1/t1/1 0");
    expect(await level(one, 401, 2)).toBe("run/r1/t1 400");
    expect(await level(two, 901, 1)).toBe("day/2026-11-21 900");
    expect(await level(two, 1001, 1)).toBe("installation 1000");
    expect(await level(two, 900, 1)).toBe("run/r2/t1/1 500");
    expect(await level(two, 500, 1)).toBe("granted");
    const { accounts } = limits("r1", 2);
    const day = accounts.filter((account: Account) => account.level === "day");
    const left = await store.reserve(one, call("y", 401), { accounts: day });
    expect(left).toMatchObject({ kind: "refused", available: 400 });
  });

  it("counts tokens beside dollars where an account limits them", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    const limits = {
      accounts: accountsOf({ run: "r1" }, { run: 1000, tokens: 150 }, new Date(START)),
    };
    expect(await store.reserve(fence, call("c1", 0, 100), limits)).toEqual({ kind: "granted" });
    expect(await store.reserve(fence, call("c2", 0, 51), limits)).toEqual({
      kind: "refused",
      level: "run",
      path: "run/r1",
      needed: 51,
      available: 50,
      held: 100,
      tokens: true,
    });
    // it used 15 of the 100 it held
    const usage = { input: 10, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 5 };
    const settled = { id: "c1", state: "settled", cost: 0, usage } as const;
    await store.settle(fence, settled, { events: [called("s1", "c1", 0)] });
    expect(await store.reserve(fence, call("c3", 0, 135), limits)).toEqual({ kind: "granted" });
    const refused = await store.reserve(fence, call("c4", 0, 1), limits);
    expect(refused).toMatchObject({ tokens: true, available: 0 });
  });

  it("holds a call once, however often it is reserved, and refuses another under its id", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    for (let i = 0; i < 3; i++)
      expect(await store.reserve(fence, call("c1", 600), within(1000))).toEqual({
        kind: "granted",
      });
    await store.reserve(fence, call("c2", 400), within(1000));
    await store.settle(fence, { id: "c1", state: "released", cost: 0 }, {});
    expect(await store.reserve(fence, call("c1", 600), within(1000))).toEqual({ kind: "granted" });
    expect((await store.calls("r1")).map(({ id, state }) => [id, state])).toEqual([
      ["c1", "released"],
      ["c2", "open"],
    ]);
    const other = { ...call("c2", 400), model: "another-model" };
    await expect(store.reserve(fence, other, within(1000))).rejects.toThrow("c2 was reserved");
    await expect(store.reserve(fence, call("c2", 399), within(1000))).rejects.toThrow("c2");
    const next = await claimed(store, "r1", "s2");
    await expect(store.reserve(next, call("c2", 400), within(1000))).rejects.toThrow("c2");
  });

  it("books a call on the day on which it was reserved", async () => {
    const { store, clock } = given;
    const fence = await claimed(store, "r1", "s1", 30 * 60 * MINUTE);
    const limits = () => ({
      accounts: accountsOf({ run: "r1" }, { run: 10_000, day: 1000 }, clock.now()),
    });
    await store.reserve(fence, call("c1", 1000), limits());
    clock.advance(24 * 60 * MINUTE);
    expect(await store.reserve(fence, call("c2", 1000), limits())).toEqual({ kind: "granted" });
    await store.settle(
      fence,
      { id: "c1", state: "settled", cost: 700 },
      { events: [called("s1", "c1", 700)] },
    );
    expect(await store.reserve(fence, call("c3", 1), limits())).toMatchObject({
      path: "day/2026-11-22",
      available: 0,
    });
  });

  it("counts exactly where sums of many runs are larger than a number can be", async () => {
    const { store } = given;
    const most = Number.MAX_SAFE_INTEGER;
    for (const run of ["a", "b", "c"]) {
      await store.append(run, [submitted(most)]);
      const fence = await claimed(store, run, "s1");
      await spend(fence, `c-${run}`, most - 1, {
        accounts: accountsOf({ run }, { run: most }, new Date(START)),
      });
      const left = await store.reserve(fence, call(`d-${run}`, 2), {
        accounts: accountsOf({ run }, { run: most }, new Date(START)),
      });
      expect(left).toMatchObject({ path: `run/${run}`, available: 1 });
    }
    const fence = await claimed(store, "r1", "s1");
    const limits = { accounts: accountsOf({ run: "r1" }, { run: 1, total: most }, new Date(0)) };
    expect(await store.reserve(fence, call("c1", 1), limits)).toMatchObject({
      path: "installation",
      available: 0,
    });
    // the nearest number, for people
    expect((await store.totals()).settled).toBe(Number(3n * BigInt(most - 1)));
    expect((await store.totals("a")).settled).toBe(most - 1);
    const [all, own] = await store.accounts(["installation", "run/a"]);
    expect([all?.settled, own?.settled]).toEqual([Number(3n * BigInt(most - 1)), most - 1]);
  });

  describe("within an hour", () => {
    const hourly = (hour: number) => ({ ...within(1_000_000), hour });

    it("grants no more than its limit, and says when the next call fits", async () => {
      const { store, clock } = given;
      const fence = await claimed(store, "r1", "s1", 10 * 60 * MINUTE);
      await spend(fence, "c1", 300);
      clock.advance(10 * MINUTE);
      await spend(fence, "c2", 500);
      clock.advance(10 * MINUTE);
      await spend(fence, "c3", 200);
      const refused = { kind: "refused", level: "hour", path: "run/r1", available: 0 };
      const ask = (amount: number) =>
        store.reserve(fence, call(`of-${amount}`, amount), hourly(1000));
      expect(await ask(300)).toEqual({ ...refused, needed: 300, until: later(60 * MINUTE) });
      expect(await ask(301)).toMatchObject({ until: later(70 * MINUTE) });
      expect(await ask(801)).toMatchObject({ until: later(80 * MINUTE) });
      clock.advance(40 * MINUTE - 1);
      expect(await ask(300)).toMatchObject({ until: later(60 * MINUTE) });
      clock.advance(1);
      expect(await ask(300)).toEqual({ kind: "granted" });
    });

    it("counts a call from when it is held until an hour after it was settled", async () => {
      const { store, clock } = given;
      const fence = await claimed(store, "r1", "s1", 10 * 60 * MINUTE);
      await store.reserve(fence, call("c1", 900), hourly(1000));
      clock.advance(90 * MINUTE);
      const ask = () => store.reserve(fence, call("c2", 300), hourly(1000));
      // nobody knows when it will be over, nor what it will have cost
      expect(await ask()).toMatchObject({ available: 100, until: later(91 * MINUTE) });
      const events = [called("s1", "c1", 800)];
      await store.settle(fence, { id: "c1", state: "settled", cost: 800 }, { events });
      expect(await ask()).toMatchObject({ available: 200, until: later(150 * MINUTE) });
      clock.advance(60 * MINUTE);
      expect(await ask()).toEqual({ kind: "granted" });
    });

    it("names no time for a call that is larger than its limit, and leaves other runs alone", async () => {
      const { store } = given;
      await store.append("r2", [submitted()]);
      const one = await claimed(store, "r1", "s1");
      const refused = await store.reserve(one, call("c1", 1001), hourly(1000));
      expect(refused).toEqual({
        ...{ kind: "refused", level: "hour", path: "run/r1", needed: 1001, available: 1000 },
      });
      await spend(one, "c2", 1000);
      const two = await claimed(store, "r2", "s1");
      expect(await store.reserve(two, call("c3", 1000), hourly(1000))).toEqual({ kind: "granted" });
    });
  });
};
