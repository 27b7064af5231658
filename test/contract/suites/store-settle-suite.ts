import { type Fence, StaleEpochError, type Store } from "@headrace/domain";
import { expect, it } from "vitest";
import { type Context, type OpenStore, withStore } from "./store-context.ts";
import { call, called, claimed, reply, START, stepRequested, within } from "./store-fixtures.ts";

const spentByFold = async (store: Store): Promise<number | undefined> =>
  (await store.state("r1"))?.run.spent;

/** How reservations end. */
export const settleSuite = (open: OpenStore) => {
  const given = withStore(open);

  const held = async (id: string, amount: number, tokens?: number): Promise<Fence> => {
    const fence = await claimed(given.store, "r1", `step-of-${id}`);
    await given.store.reserve(fence, call(id, amount, tokens), within(1000));
    return fence;
  };

  it("settles a call once with its events, its record and its try, all at once", async () => {
    const { store } = given;
    const fence = await held("c1", 500);
    const usage = { input: 1, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 2 };
    const { role, turn, ask, provider, model } = call("c1", 500);
    const { run, step } = fence;
    const tried = {
      ...{ at: new Date(START).toISOString(), run, step, role, turn, ask, call: "c1" },
      ...{ provider, model, outcome: "ok", durationMs: 12, ordinal: 1 },
    };
    const settle = () =>
      store.settle(
        fence,
        { id: "c1", state: "settled", cost: 40, usage, work: 7, reportedCost: 41 },
        {
          part: { kind: "reply", turn: 1, reply: reply("hi") },
          events: [called(step, "c1", 40)],
          tried,
        },
      );
    await settle();
    await settle();
    const settledAt = new Date(START).toISOString();
    expect(await store.calls("r1")).toMatchObject([
      {
        ...{ id: "c1", state: "settled", amount: 500, cost: 40, usage },
        ...{ work: 7, reportedCost: 41, settledAt },
      },
    ]);
    expect(await store.records("r1", step)).toHaveLength(1);
    expect(await store.tries("r1", ask)).toEqual([tried]);
    expect((await store.events("r1", 1)).map((e) => e.type)).toEqual(["model.called"]);
  });

  it("leaves the call open and nothing recorded when an event of its settlement is refused", async () => {
    const { store } = given;
    const fence = await held("c1", 500);
    const bad = { ...stepRequested("s2"), subject: "Not An Id" };
    const events = [called(fence.step, "c1", 40), bad];
    const part = { kind: "reply", turn: 1, reply: reply("hi") } as const;
    const c1 = { id: "c1", state: "settled", cost: 40 } as const;
    await expect(store.settle(fence, c1, { part, events })).rejects.toThrow("not valid");
    expect(await store.calls("r1")).toMatchObject([{ state: "open", cost: 0 }]);
    expect(await store.records("r1", fence.step)).toEqual([]);
    expect(await spentByFold(store)).toBe(0);
    const { settled } = await store.totals("r1");
    expect(settled).toBe(0);
  });

  it("refuses a settlement whose events tell of another cost or of another call", async () => {
    const { store } = given;
    const fence = await held("c1", 500);
    const { step } = fence;
    const c1 = { id: "c1", state: "settled", cost: 40 } as const;
    const with_ = (...events: ReturnType<typeof called>[]) => store.settle(fence, c1, { events });
    await expect(with_(called(step, "c1", 41))).rejects.toThrow("costs 40, but");
    await expect(with_(called(step, "c2", 40))).rejects.toThrow("say 40 for c2");
    await expect(with_()).rejects.toThrow("say nothing");
    await expect(with_(called(step, "c1", 40), called(step, "c1", 0))).rejects.toThrow("40 for c1");
    const released = { id: "c1", state: "released", cost: 0 } as const;
    const events = [called(step, "c1", 0)];
    await expect(store.settle(fence, released, { events })).rejects.toThrow("released");
  });

  it("refuses a state that does not go with the cost", async () => {
    const { store } = given;
    const fence = await held("c1", 500);
    const settle = (state: "estimated" | "released", cost: number) =>
      store.settle(
        fence,
        { id: "c1", state, cost },
        { events: state === "released" ? [] : [called(fence.step, "c1", cost)] },
      );
    await expect(settle("estimated", 499)).rejects.toThrow("estimated, so it costs 500, not 499");
    await expect(settle("released", 1)).rejects.toThrow("released, so it costs 0, not 1");
    await settle("estimated", 500);
  });

  it("refuses to settle what the fence did not reserve", async () => {
    const { store } = given;
    const one = await held("c1", 500);
    const two = await claimed(store, "r1", "s2");
    const released = { id: "c1", state: "released", cost: 0 } as const;
    await expect(store.settle(two, released, {})).rejects.toThrow("reserved no call c1");
    await expect(store.settle(one, { ...released, id: "c9" }, {})).rejects.toThrow("c9");
  });

  it("books what is reported above a reservation as excess, which is no spend and fills the budget", async () => {
    const { store } = given;
    const fence = await held("c1", 500, 10);
    const usage = { input: 30, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 4 };
    await store.settle(
      fence,
      { id: "c1", state: "settled", cost: 800, usage },
      { events: [called(fence.step, "c1", 800)] },
    );
    expect(await store.calls("r1")).toMatchObject([{ cost: 500, excess: 300, usage }]);
    expect(await store.events("r1", 1)).toMatchObject([{ cost: 500, excess: 300 }]);
    expect((await store.state("r1"))?.run).toMatchObject({ spent: 500, excess: 300 });
    expect(await store.totals("r1")).toMatchObject({ settled: 500, inFlight: 500 });
    const refused = await store.reserve(fence, call("c2", 201), within(1000));
    expect(refused).toMatchObject({ available: 200 });
    const tokens = { accounts: [{ level: "run", path: "run/r1", tokens: 35 } as const] };
    expect(await store.reserve(fence, call("c2", 1, 2), tokens)).toMatchObject({ available: 1 });
    expect(
      await store.reserve(fence, call("c2", 1001, 1), { ...tokens, hour: 1000 }),
    ).toMatchObject({ level: "hour", available: 200 });
  });

  const orphaned: Array<[string, (c: Context, fence: Fence) => unknown]> = [
    ["was released", ({ store }, fence) => store.release(fence)],
    ["ran out", ({ clock }) => clock.advance(1000)],
    [
      "was superseded",
      async ({ store, clock }, { step }) => {
        clock.advance(1000);
        await claimed(store, "r1", step);
      },
    ],
  ];
  it.each(orphaned)("settles a call at its reservation once the lease %s", async (_, end) => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    await store.append("r1", [{ ...stepRequested("s1"), task: "t1", attempt: 2 }]);
    await store.reserve(fence, { ...call("c1", 300), task: "t1", attempt: 2 }, within(1000));
    expect(await store.settleOrphans("r1")).toEqual([]);
    await end(given, fence);
    const orphan = { id: "c1", state: "estimated", cost: 300, amount: 300 };
    expect(await store.settleOrphans("r1")).toMatchObject([orphan]);
    expect(await store.settleOrphans("r1")).toEqual([]);
    expect(await store.calls("r1")).toMatchObject([orphan]);
    const [event] = await store.events("r1", 2);
    expect(event).toMatchObject({ type: "model.called", estimated: true, cost: 300 });
    expect(event).toMatchObject({ call: "c1", task: "t1", attempt: 2 });
    expect(await spentByFold(store)).toBe(300);
    expect(await store.tries("r1", "ask-of-c1")).toMatchObject([
      { call: "c1", outcome: "lost", cost: 300, estimated: true, ordinal: 1 },
    ]);
    await expect(store.settle(fence, { id: "c1", state: "released", cost: 0 }, {})).rejects.toThrow(
      StaleEpochError,
    );
  });
};
