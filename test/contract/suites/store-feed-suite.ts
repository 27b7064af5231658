import { expect, it } from "vitest";
import { type OpenStore, withStore } from "./store-context.ts";
import { note } from "./store-fixtures.ts";

export const feedSuite = (open: OpenStore) => {
  const given = withStore(open);

  it("tells listeners of each commit until they stop listening", async () => {
    const { store } = given;
    const heard: string[] = [];
    const stop = store.onCommit((run, events) => heard.push(`${run}:${events.map((e) => e.seq)}`));
    await store.append("r1", [note("a"), note("b")]);
    stop();
    await store.append("r1", [note("c")]);
    expect(heard).toEqual(["r1:2,3"]);
  });

  it("tells nothing of what was not committed", async () => {
    const { store } = given;
    const heard: string[] = [];
    store.onCommit((run) => heard.push(run));
    await store.append("r1", () => []);
    await expect(
      store.append("r1", () => {
        throw new Error("no decision");
      }),
    ).rejects.toThrow("no decision");
    expect(heard).toEqual([]);
  });

  it("tells of commits in their order even when a listener commits again", async () => {
    const { store } = given;
    const nested: Array<Promise<unknown>> = [];
    const heard: number[] = [];
    store.onCommit((_, events) => {
      if (events[0]?.seq === 2) nested.push(store.append("r1", [note("from a listener")]));
    });
    store.onCommit((_, events) => heard.push(...events.map((e) => e.seq)));
    await store.append("r1", [note("a")]);
    await Promise.all(nested);
    expect(heard).toEqual([2, 3]);
  });

  it("survives a listener that throws, and still tells the others", async () => {
    const { store } = given;
    const warnings: string[] = [];
    const warn = (warning: Error) => warnings.push(warning.message);
    process.on("warning", warn);
    const heard: number[] = [];
    store.onCommit(() => {
      throw new Error("listener broke");
    });
    store.onCommit((_, events) => heard.push(events.length));
    await store.append("r1", [note("a")]);
    await store.append("r1", [note("b")]);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", warn);
    expect(heard).toEqual([1, 1]);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain("listener broke");
  });
};
