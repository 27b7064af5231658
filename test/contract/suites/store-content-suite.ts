import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { type OpenStore, withStore } from "./store-context.ts";
import { COMMIT, claimed, note, reply } from "./store-fixtures.ts";

export const contentSuite = (open: OpenStore) => {
  const given = withStore(open);

  it("returns the parts of a step's record in the order they came, across epochs", async () => {
    const { store } = given;
    const first = await claimed(store, "r1", "s1");
    const result = { toolUseId: "u1", isError: false, content: "ok", durationMs: 3 };
    await store.appendRecord(first, { kind: "reply", turn: 1, reply: reply("one") });
    await store.appendRecord(first, { kind: "tool", turn: 1, result }, [note("told")]);
    await store.release(first);
    const second = await claimed(store, "r1", "s1");
    await store.appendRecord(second, { kind: "snapshot", turn: 1, commit: COMMIT });
    expect(await store.records("r1", "s1")).toEqual([
      { kind: "reply", turn: 1, reply: reply("one") },
      { kind: "tool", turn: 1, result },
      { kind: "snapshot", turn: 1, commit: COMMIT },
    ]);
    expect(await store.events("r1", 1)).toMatchObject([{ text: "told" }]);
    expect(await store.records("r1", "s2")).toEqual([]);
  });

  it("keeps what a model said to the byte, whatever it is", async () => {
    const { store } = given;
    const fence = await claimed(store, "r1", "s1");
    const text = 'quote " backslash \\ nul \u0000 lone \ud800 emoji 🌊 line\u2028end __proto__';
    const block = { type: "thinking", signature: "abc", nested: { "__proto__ ": [1, null] } };
    const said = { ...reply(text), content: [{ type: "text", text }, block] };
    await store.appendRecord(fence, { kind: "reply", turn: 1, reply: said });
    expect(await store.records("r1", "s1")).toEqual([{ kind: "reply", turn: 1, reply: said }]);
    await store.append("r1", [note(text)]);
    expect(await store.events("r1", 1)).toMatchObject([{ text }]);
  });

  it("stores bytes under their hash, once", async () => {
    const { store } = given;
    const bytes = new Uint8Array([0, 255, 10, 13, 0]);
    const id = await store.putBlob(bytes);
    expect(id).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(await store.putBlob(bytes)).toBe(id);
    expect(new Uint8Array((await store.getBlob(id)) ?? [])).toEqual(bytes);
    const empty = await store.putBlob(new Uint8Array());
    expect(await store.getBlob(empty)).toHaveLength(0);
    expect(await store.getBlob("f".repeat(64))).toBeUndefined();
  });
};
