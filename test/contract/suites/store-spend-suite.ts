import type { ClassedCall, Fence, NewEvent } from "@headrace/domain";
import { expect, it } from "vitest";
import { type OpenStore, withStore } from "./store-context.ts";
import { COMMIT, call, called, claimed, START, submitted, within } from "./store-fixtures.ts";

type Classed = Extract<NewEvent, { type: "spend.classed" }>;

const told = (over: Partial<Classed>): Classed => ({
  type: "spend.classed",
  converted: 0,
  overhead: {},
  waste: {},
  calls: 1,
  ...over,
});

const converted = (amount: number) => ({ as: "converted", commit: COMMIT, amount }) as const;
const planning = (amount: number) => ({ as: "overhead", kind: "planning", amount }) as const;
const missed = (amount: number) => ({ as: "waste", kind: "cache_miss", amount }) as const;

/** What is learnt of settled calls later: what they did cost, and what became of it. */
export const spendSuite = (open: OpenStore) => {
  const given = withStore(open);

  /** Settled at what they cost, or estimated. */
  const settled = async (
    id: string,
    cost: number,
    state: "settled" | "estimated" = "settled",
  ): Promise<Fence> => {
    const { store } = given;
    const fence = await claimed(store, "r1", `step-of-${id}`);
    await store.reserve(fence, call(id, cost), within(1000));
    await store.settle(fence, { id, state, cost }, { events: [called(fence.step, id, cost)] });
    return fence;
  };

  it("corrects an estimated call once, in the ledger, in the log and in what is left", async () => {
    const { store } = given;
    const fence = await settled("c1", 600, "estimated");
    const usage = { input: 5, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 1 };
    const to = { cost: 250, usage, work: 9 };
    await store.adjust("r1", "c1", to, "the provider's list says so");
    await store.adjust("r1", "c1", to, "the provider's list says so");
    expect(await store.calls("r1")).toMatchObject([
      { id: "c1", state: "settled", amount: 600, cost: 250, usage, work: 9 },
    ]);
    expect(await store.events("r1", 2)).toMatchObject([
      { type: "model.adjusted", call: "c1", was: 600, cost: 250, work: 9 },
    ]);
    expect((await store.state("r1"))?.run.spent).toBe(250);
    expect((await store.totals("r1")).settled).toBe(250);
    const refused = await store.reserve(fence, call("c2", 751), within(1000));
    expect(refused).toMatchObject({ available: 750 });
  });

  it("tells what accounts hold and have settled, in the order asked; of one without a call, nothing", async () => {
    const { store } = given;
    const fence = await settled("c1", 600);
    await store.reserve(fence, call("c2", 200, 30), within(1000));
    const none = { settled: 0, excess: 0, reservedTokens: 0, settledTokens: 0, excessTokens: 0 };
    const [nobody, run, installation] = await store.accounts([
      ...["day/1999-12-31", "run/r1", "installation"],
    ]);
    expect(nobody).toEqual({ path: "day/1999-12-31", reserved: 0, ...none });
    expect(run).toMatchObject({ path: "run/r1", reserved: 200, settled: 600, reservedTokens: 30 });
    expect(installation).toEqual({ ...run, path: "installation" });
  });

  it("books a correction above the reservation as excess", async () => {
    const { store } = given;
    const fence = await settled("c1", 600, "estimated");
    await store.adjust("r1", "c1", { cost: 650 }, "billed");
    await store.adjust("r1", "c1", { cost: 650 }, "billed");
    expect(await store.calls("r1")).toMatchObject([{ state: "settled", cost: 600, excess: 50 }]);
    expect((await store.state("r1"))?.run).toMatchObject({ spent: 600, excess: 50 });
    const refused = await store.reserve(fence, call("c2", 351), within(1000));
    expect(refused).toMatchObject({ available: 350 });
  });

  it("corrects nothing that is known, in flight, of another run, or classed", async () => {
    const { store } = given;
    await settled("c1", 100);
    await settled("c2", 100, "estimated");
    const fence = await claimed(store, "r1", "s3");
    await store.reserve(fence, call("c3", 100), within(1000));
    await store.append("r2", [submitted()]);
    const adjust = (run: string, id: string) => store.adjust(run, id, { cost: 50 }, "billed");
    await expect(adjust("r1", "c1")).rejects.toThrow("c1 is settled");
    await expect(adjust("r1", "c3")).rejects.toThrow("c3 is open");
    await expect(adjust("r2", "c2")).rejects.toThrow("run r2 reserved no call c2");
    await store.classify(
      "r1",
      [{ call: "c2", parts: [{ as: "waste", kind: "failed_call", amount: 100 }] }],
      [told({ waste: { failed_call: 100 } })],
    );
    await expect(adjust("r1", "c2")).rejects.toThrow("c2 has been classed");
  });

  it("says what became of calls once, and of the rest that it is in flight", async () => {
    const { store } = given;
    await settled("c1", 100);
    await settled("c2", 30);
    await settled("c3", 7);
    const calls: ClassedCall[] = [
      { call: "c1", parts: [converted(60), missed(10), planning(30)] },
      { call: "c2", parts: [planning(30)] },
    ];
    const sums = { converted: 60, overhead: { planning: 60 }, waste: { cache_miss: 10 } };
    const classify = () => store.classify("r1", calls, [told({ ...sums, calls: 2 })]);
    await classify();
    await classify();
    expect(await store.classed("r1")).toEqual(calls);
    const totals = { settled: 137, ...sums, inFlight: 7 };
    expect(await store.totals("r1")).toEqual(totals);
    expect(await store.totals()).toEqual(totals);
    expect((await store.state("r1"))?.run.spend).toMatchObject(sums);
    const events = await store.events("r1", 4);
    expect(events).toMatchObject([
      { type: "spend.classed", parts: expect.stringMatching(/^\w{64}$/) },
    ]);
  });

  it("refuses parts that do not make the cost, and calls that have no cost yet or none at all", async () => {
    const { store } = given;
    const fence = await settled("c1", 100);
    await store.reserve(fence, call("c2", 10), within(1000));
    await store.reserve(fence, call("c3", 10), within(1000));
    await store.settle(fence, { id: "c3", state: "released", cost: 0 }, {});
    const one = (id: string, amount: number) =>
      store.classify(
        "r1",
        [{ call: id, parts: [planning(amount)] }],
        [told({ overhead: { planning: amount } })],
      );
    await expect(one("c1", 99)).rejects.toThrow("parts of call c1 make 99, not 100");
    await expect(one("c2", 0)).rejects.toThrow("c2 cannot be classed: it is open");
    await expect(one("c3", 0)).rejects.toThrow("c3 cannot be classed: it is released");
    await expect(one("c9", 0)).rejects.toThrow("reserved no call c9");
    expect(await store.classed("r1")).toEqual([]);
    expect(await store.events("r1", 2)).toEqual([]);
  });

  it("refuses an event that tells of other calls, and a call that is classed among others that are not", async () => {
    const { store } = given;
    await settled("c1", 100);
    await settled("c2", 10);
    const classify = (ids: string[], events: NewEvent[]) =>
      store.classify(
        "r1",
        ids.map((id) => ({ call: id, parts: [planning(id === "c1" ? 100 : 10)] })),
        events,
      );
    const of = (amount: number, calls: number) => told({ overhead: { planning: amount }, calls });
    await expect(classify(["c1"], [of(99, 1)])).rejects.toThrow("but their events say");
    await expect(classify(["c1"], [of(100, 2)])).rejects.toThrow("but their events say");
    await expect(classify(["c1"], [])).rejects.toThrow("say nothing");
    await expect(classify(["c1", "c1"], [of(200, 2)])).rejects.toThrow(
      "c1 has been classed before",
    );
    await classify(["c1"], [of(100, 1)]);
    await expect(classify(["c1", "c2"], [of(110, 2)])).rejects.toThrow("c1 has been classed");
    await classify(["c2"], [of(10, 1)]);
    expect((await store.totals("r1")).inFlight).toBe(0);
  });

  it("keeps what was tried and asked for, in order, and what is known of providers", async () => {
    const { store } = given;
    await store.append("r2", [submitted()]);
    const at = new Date(START).toISOString();
    const { role, turn, provider, model } = call("c", 1);
    const row = (run: string, ask: string, ordinal: number) => ({
      ...{ at, run, step: "s1", role, turn, ask, provider, model },
      ...{ outcome: "rate", status: 429, durationMs: 5, ordinal },
    });
    const rows = [row("r1", "a1", 1), row("r2", "a2", 1), row("r1", "a1", 2), row("r1", "a3", 1)];
    for (const tried of rows) await store.recordTry(tried);
    const decision = { role, outcome: "wait", considered: [] } as const;
    const demand = { at, run: "r1", step: "s1", turn, ask: "a1", reason: "all are busy" };
    await store.recordDemand({ ...demand, decision: { ...decision, considered: [] } });
    expect(await store.tries("r1", "a1")).toEqual([rows[0], rows[2]]);
    expect((await store.exhaust()).tries).toEqual(rows);
    expect(await store.exhaust("r2")).toEqual({ tries: [rows[1]], demand: [] });
    expect((await store.exhaust("r1")).demand).toMatchObject([demand]);
    expect(await store.health()).toEqual({});
    await store.putHealth("circuit/a", { open: true });
    await store.putHealth("circuit/a", { open: false });
    await store.putHealth("credit/b", null);
    expect(await store.health()).toEqual({ "circuit/a": { open: false }, "credit/b": null });
  });
};
