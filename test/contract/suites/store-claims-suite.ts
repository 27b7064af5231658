import { StaleEpochError, type Store } from "@headrace/domain";
import { expect, it } from "vitest";
import { type OpenStore, withStore } from "./store-context.ts";
import { call, claimed, note, START, submitted, within } from "./store-fixtures.ts";

export const claimSuite = (open: OpenStore) => {
  const given = withStore(open);

  it("gives a step to one worker until its lease ends, then to the next with a higher epoch", async () => {
    const { store, clock } = given;
    const until = new Date(START + 1000).toISOString();
    expect(await store.claim("r1", "s1", "w1", 1000)).toEqual({ kind: "claimed", epoch: 1, until });
    clock.advance(999);
    expect(await store.claim("r1", "s1", "w2", 1000)).toEqual({ kind: "busy", until });
    clock.advance(1);
    expect(await store.claim("r1", "s1", "w2", 1000)).toMatchObject({ kind: "claimed", epoch: 2 });
  });

  it("keeps claims of different steps and runs apart", async () => {
    const { store } = given;
    await store.append("r2", [submitted()]);
    await claimed(store, "r1", "s1");
    expect((await claimed(store, "r1", "s2")).epoch).toBe(1);
    expect((await claimed(store, "r2", "s1")).epoch).toBe(1);
  });

  it("refuses a claim in a run that does not exist", async () => {
    await expect(given.store.claim("unknown", "s1", "w1", 1000)).rejects.toThrow("no run unknown");
  });

  it("prolongs a lease, from now on", async () => {
    const { store, clock } = given;
    const fence = await claimed(store, "r1", "s1");
    clock.advance(900);
    const until = await store.renew(fence, 1000);
    expect(until).toBe(new Date(START + 1900).toISOString());
    clock.advance(500);
    expect(await store.claim("r1", "s1", "w2", 1000)).toEqual({ kind: "busy", until });
  });

  it("lets a late worker renew while nobody else has claimed the step", async () => {
    const { store, clock } = given;
    const fence = await claimed(store, "r1", "s1");
    clock.advance(5000);
    await store.renew(fence, 1000);
    expect(await store.claim("r1", "s1", "w2", 1000)).toMatchObject({ kind: "busy" });
  });

  it("frees a released step at once, and ignores a release by a stale fence", async () => {
    const { store } = given;
    const first = await claimed(store, "r1", "s1");
    await store.release(first);
    const second = await claimed(store, "r1", "s1");
    expect(second.epoch).toBe(2);
    await store.release(first);
    expect(await store.claim("r1", "s1", "w3", 1000)).toMatchObject({ kind: "busy" });
  });

  it("ends every lease of a dead worker and no other's", async () => {
    const { store } = given;
    await store.claim("r1", "s1", "dead", 60_000);
    await store.claim("r1", "s2", "alive", 60_000);
    await store.releaseClaims("dead");
    expect(await store.claim("r1", "s1", "w2", 1000)).toMatchObject({ kind: "claimed", epoch: 2 });
    expect(await store.claim("r1", "s2", "w2", 1000)).toMatchObject({ kind: "busy" });
  });

  const acts: Array<[string, (store: Store, fence: Parameters<Store["release"]>[0]) => unknown]> = [
    ["append", (store, fence) => store.append("r1", [note("late")], fence)],
    ["append nothing", (store, fence) => store.append("r1", [], fence)],
    ["renew", (store, fence) => store.renew(fence, 1000)],
    ["reserve", (store, fence) => store.reserve(fence, call("c2", 1), within(1000))],
    ["settle", (store, fence) => store.settle(fence, { id: "c1", state: "released", cost: 0 }, {})],
    [
      "append a record",
      (store, fence) => store.appendRecord(fence, { kind: "note", turn: 1, text: "late" }),
    ],
  ];
  it.each(acts)("refuses to %s for an epoch that was superseded or released", async (_, act) => {
    const { store } = given;
    const first = await claimed(store, "r1", "s1");
    await store.reserve(first, call("c1", 10), within(1000));
    await store.release(first);
    await expect(act(store, first)).rejects.toThrow(StaleEpochError);
    await claimed(store, "r1", "s1");
    await expect(act(store, first)).rejects.toThrow(StaleEpochError);
    expect(await store.events("r1", 1)).toEqual([]);
    expect(await store.records("r1", "s1")).toEqual([]);
    expect(await store.calls("r1")).toMatchObject([{ id: "c1", state: "open" }]);
  });

  it("refuses a fence of a step that was never claimed, or of another run", async () => {
    const { store } = given;
    await store.append("r2", [submitted()]);
    const never = { run: "r1", step: "s9", epoch: 1 };
    await expect(store.append("r1", [note("a")], never)).rejects.toThrow(StaleEpochError);
    const other = await claimed(store, "r2", "s1");
    await expect(store.append("r1", [note("a")], other)).rejects.toThrow("run r2");
  });
};
