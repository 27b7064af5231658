import { foldAll, type RunState } from "@headrace/domain";
import { expect, it } from "vitest";
import { type OpenStore, withStore } from "./store-context.ts";
import { note, START, stepRequested, submitted } from "./store-fixtures.ts";

export const logSuite = (open: OpenStore) => {
  const given = withStore(open);

  it("numbers the events of each run from 1 without gaps, each chained to the one before", async () => {
    const { store } = given;
    await store.append("r2", [submitted()]);
    await store.append("r1", [note("a"), note("b")]);
    const events = await store.events("r1");
    expect(events.map((e) => e.seq)).toEqual([1, 2, 3]);
    expect(events.map((e) => e.prev)).toEqual(["", events[0]?.hash, events[1]?.hash]);
    expect((await store.events("r2")).map((e) => e.seq)).toEqual([1]);
  });

  it("returns the events it stored, with the clock's time and the run", async () => {
    const { store, clock } = given;
    clock.advance(5);
    const [event] = await store.append("r1", [{ ...note("hello"), task: "t1", attempt: 2 }]);
    expect(event).toMatchObject({ seq: 2, run: "r1", task: "t1", attempt: 2, text: "hello" });
    expect(event?.at).toBe(new Date(START + 5).toISOString());
    expect((await store.events("r1", 1))[0]).toEqual(event);
  });

  it("gives events after a sequence number, at most as many as asked for", async () => {
    const { store } = given;
    await store.append("r1", ["a", "b", "c", "d"].map(note));
    expect((await store.events("r1", 2, 2)).map((e) => e.seq)).toEqual([3, 4]);
    expect(await store.events("r1", 5)).toEqual([]);
    expect(await store.events("unknown")).toEqual([]);
  });

  it("lets a decision see the state it is made on, and appends what it returns", async () => {
    const { store } = given;
    const seen: Array<RunState | undefined> = [];
    const decide = (state: RunState | undefined) => {
      seen.push(state);
      return state === undefined ? [submitted()] : [note(`after ${state.run.seq}`)];
    };
    await store.append("r2", decide);
    await store.append("r2", decide);
    expect(seen.map((state) => state?.run.seq)).toEqual([undefined, 1]);
    expect((await store.events("r2", 1))[0]).toMatchObject({ text: "after 1" });
  });

  it("appends nothing when a decision returns nothing", async () => {
    expect(await given.store.append("r1", () => [])).toEqual([]);
    expect(await given.store.events("r1", 1)).toEqual([]);
  });

  it("keeps the state equal to a fold over the events", async () => {
    const { store } = given;
    await store.append("r1", [stepRequested("s1"), note("a")]);
    const state = await store.state("r1");
    expect(state).toEqual(foldAll(await store.events("r1")));
    expect(state?.steps.s1?.subject).toBe("plan");
    expect(await store.state("unknown")).toBeUndefined();
  });

  it("lists runs oldest first, whichever changed last", async () => {
    const { store } = given;
    await store.append("r0", [submitted()]);
    await store.append("r1", [note("later")]);
    expect((await store.runs()).map((s) => s.run.id)).toEqual(["r1", "r0"]);
    await store.append("r1", [{ type: "run.cancelled", reason: "enough" }]);
    expect((await store.openRuns()).map((s) => s.run.id)).toEqual(["r0"]);
    await store.append("r1", [note("after its end")]);
    expect(await store.state("r1")).toEqual(foldAll(await store.events("r1")));
  });

  it("stores all events of one call or, when one of them is refused, none", async () => {
    const { store } = given;
    const ready = { type: "task.ready", task: "never-planned" } as const;
    await expect(store.append("r1", [note("a"), ready])).rejects.toThrow("no row never-planned");
    expect(await store.events("r1", 1)).toEqual([]);
    expect(await store.state("r1")).toEqual(foldAll(await store.events("r1")));
    expect(await store.append("r1", [note("b")])).toMatchObject([{ seq: 2 }]);
  });

  it("refuses an event that does not match its schema, saying where", async () => {
    const bad = { type: "merge.conflicted", files: "all" } as unknown as ReturnType<typeof note>;
    await expect(given.store.append("r1", [bad])).rejects.toThrow(
      /merge\.conflicted.*[\s\S]*files/,
    );
  });

  it("refuses ids that could not travel in refs", async () => {
    await expect(given.store.append("../r2", [submitted()])).rejects.toThrow("not valid");
  });

  it("refuses a run that does not begin with its submission, or is submitted again", async () => {
    await expect(given.store.append("r2", [note("a")])).rejects.toThrow("precedes run.submitted");
    await expect(given.store.append("r1", [submitted()])).rejects.toThrow("submitted before");
  });

  it("hands out states and events that nobody can change behind its back", async () => {
    const { store } = given;
    const state = await store.state("r1");
    expect(() => state?.run.reasons.push("mine")).toThrow(TypeError);
    const [event] = await store.append("r1", [note("a")]);
    expect(() => Object.assign(event ?? {}, { seq: 9 })).toThrow(TypeError);
  });
};
