import { StaleEpochError, type Store } from "@headrace/domain";
import { expect, it } from "vitest";
import { type Context, type OpenStore, withStore } from "./store-context.ts";
import { call, called, claimed, reply, stepRequested } from "./store-fixtures.ts";

const spentByLedger = async (store: Store, run: string): Promise<number> =>
  (await store.calls(run)).reduce((sum, row) => sum + row.cost, 0);

const spentByFold = async (store: Store, run: string): Promise<number | undefined> =>
  (await store.state(run))?.run.spent;

export const ledgerSuite = (open: OpenStore) => {
  const given = withStore(open);

  it("grants reservations until the budget is held, and says what was available", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    expect(await store.reserve(fence, call("c1", 600))).toEqual({ kind: "granted" });
    expect(await store.reserve(fence, call("c2", 401))).toEqual({
      kind: "refused",
      needed: 401,
      available: 400,
    });
    expect(await store.reserve(fence, call("c3", 400))).toEqual({ kind: "granted" });
    expect((await store.calls("r1")).map((c) => [c.id, c.state])).toEqual([
      ["c1", "open"],
      ["c3", "open"],
    ]);
  });

  it("gives back what a settled call did not use, and all of a released one", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    await store.reserve(fence, call("c1", 700));
    const c1 = { id: "c1", state: "settled", cost: 100 } as const;
    await store.settle(fence, c1, { events: [called("s1", "c1", 100)] });
    await store.reserve(fence, call("c2", 900));
    await store.settle(fence, { id: "c2", state: "released", cost: 0 }, {});
    expect(await store.reserve(fence, call("c3", 901))).toMatchObject({ available: 900 });
    expect(await store.reserve(fence, call("c4", 900))).toEqual({ kind: "granted" });
  });

  it("counts against the newest budget, and never offers less than nothing", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    await store.reserve(fence, call("c1", 1000));
    const c1 = { id: "c1", state: "settled", cost: 1200 } as const;
    await store.settle(fence, c1, { events: [called("s1", "c1", 1200)] });
    expect(await store.reserve(fence, call("c2", 1))).toMatchObject({ needed: 1, available: 0 });
    await store.append("r1", [{ type: "budget.raised", budget: 2000 }]);
    expect(await store.reserve(fence, call("c3", 800))).toEqual({ kind: "granted" });
  });

  it("settles a call once with its events and its record, all at once", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    await store.reserve(fence, call("c1", 500));
    const usage = { input: 1, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 2 };
    const settle = () =>
      store.settle(
        fence,
        { id: "c1", state: "settled", cost: 40, usage },
        {
          part: { kind: "reply", turn: 1, reply: reply("hi") },
          events: [called("s1", "c1", 40)],
        },
      );
    await settle();
    await settle();
    expect(await store.calls("r1")).toMatchObject([
      { id: "c1", state: "settled", reserved: 500, cost: 40, usage },
    ]);
    expect(await store.records("r1", "s1")).toHaveLength(1);
    expect((await store.events("r1", 1)).map((e) => e.type)).toEqual(["model.called"]);
  });

  it("leaves the call open and nothing recorded when an event of its settlement is refused", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    await store.reserve(fence, call("c1", 500));
    const events = [called("s1", "c1", 40), { ...called("s1", "c1", 0), call: "Not An Id" }];
    const part = { kind: "reply", turn: 1, reply: reply("hi") } as const;
    const c1 = { id: "c1", state: "settled", cost: 40 } as const;
    await expect(store.settle(fence, c1, { part, events })).rejects.toThrow("not valid");
    expect(await store.calls("r1")).toMatchObject([{ state: "open", cost: 0 }]);
    expect(await store.records("r1", "s1")).toEqual([]);
    expect(await spentByFold(store, "r1")).toBe(0);
  });

  it("refuses a settlement whose events tell another cost", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    await store.reserve(fence, call("c1", 500));
    const c1 = { id: "c1", state: "settled", cost: 40 } as const;
    await expect(store.settle(fence, c1, { events: [called("s1", "c1", 41)] })).rejects.toThrow(
      "costs 40, but its model.called events say 41",
    );
    await expect(store.settle(fence, c1, {})).rejects.toThrow("say 0");
  });

  it("refuses to settle what the fence did not reserve", async () => {
    const { store } = given;
    const one = await claimed(store, "r1", "s1");
    const two = await claimed(store, "r1", "s2");
    await store.reserve(one, call("c1", 500));
    const released = { id: "c1", state: "released", cost: 0 } as const;
    await expect(store.settle(two, released, {})).rejects.toThrow("reserved no call c1");
    await expect(store.settle(one, { ...released, id: "c9" }, {})).rejects.toThrow("c9");
  });

  const orphaned: Array<[string, (c: Context, fence: Parameters<Store["release"]>[0]) => unknown]> =
    [
      ["was released", ({ store }, fence) => store.release(fence)],
      ["ran out", ({ clock }) => clock.advance(1000)],
      [
        "was superseded",
        async ({ store, clock }) => {
          clock.advance(1000);
          await claimed(store, "r1", "s1");
        },
      ],
    ];
  it.each(orphaned)("settles a call at its reservation once the lease %s", async (_, end) => {
    const { store } = given;
    await store.append("r1", [{ ...stepRequested("s1"), task: "t1", attempt: 2 }]);
    const fence = await claimed(store, "r1", "s1");
    await store.reserve(fence, call("c1", 300));
    expect(await store.settleOrphans("r1")).toEqual([]);
    await end(given, fence);
    const orphan = { id: "c1", state: "estimated", cost: 300, reserved: 300 };
    expect(await store.settleOrphans("r1")).toMatchObject([orphan]);
    expect(await store.settleOrphans("r1")).toEqual([]);
    expect(await store.calls("r1")).toMatchObject([orphan]);
    const [event] = await store.events("r1", 2);
    expect(event).toMatchObject({ type: "model.called", estimated: true, cost: 300 });
    expect(event).toMatchObject({ call: "c1", task: "t1", attempt: 2 });
    expect(await spentByFold(store, "r1")).toBe(300);
    await expect(store.settle(fence, { id: "c1", state: "released", cost: 0 }, {})).rejects.toThrow(
      StaleEpochError,
    );
  });

  it("agrees with the folded spend and keeps within the budget, whatever happens to the calls", async () => {
    const { store, clock } = given;
    const pick = (n: number) => Math.floor(clock.random() * n);
    let fence = await claimed(store, "r1", "s1");
    for (let i = 0; i < 120; i++) {
      const id = `c${i}`;
      const answer = await store.reserve(fence, call(id, 1 + pick(40)));
      if (answer.kind === "refused") {
        const budget = (await store.state("r1"))?.run.budget ?? 0;
        await store.append("r1", [{ type: "budget.raised", budget: budget + pick(200) }]);
        continue;
      }
      const fate = pick(4);
      const reserved = (await store.calls("r1")).find((row) => row.id === id)?.reserved ?? 0;
      const cost = pick(reserved + 1);
      if (fate === 0) await store.settle(fence, { id, state: "released", cost: 0 }, {});
      if (fate === 1 || fate === 2)
        await store.settle(
          fence,
          { id, state: fate === 1 ? "settled" : "estimated", cost },
          { events: [called("s1", id, cost)] },
        );
      if (pick(5) === 0) {
        clock.advance(1000);
        fence = await claimed(store, "r1", "s1");
        await store.settleOrphans("r1");
      }
      const state = await store.state("r1");
      const calls = await store.calls("r1");
      const held = calls.reduce((sum, c) => sum + (c.state === "open" ? c.reserved : c.cost), 0);
      expect(held).toBeLessThanOrEqual(state?.run.budget ?? 0);
      expect(await spentByLedger(store, "r1")).toBe(state?.run.spent);
    }
  });
};
