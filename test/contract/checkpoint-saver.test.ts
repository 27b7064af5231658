import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClock, openStore, type SqliteCheckpointSaver } from "@headrace/store";
import { Annotation, END, interrupt, START, StateGraph } from "@langchain/langgraph";
import { emptyCheckpoint, uuid6 } from "@langchain/langgraph-checkpoint";
import { deltaChannelHistoryTests, validate } from "@langchain/langgraph-checkpoint-validation";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const opened = new Map<SqliteCheckpointSaver, AsyncDisposable>();

const initializer = {
  checkpointerName: "SqliteCheckpointSaver",
  createCheckpointer: async () => {
    const dir = await mkdtemp(join(tmpdir(), "headrace-checkpoints-"));
    const store = await openStore({ file: join(dir, "headrace.db"), clock: createClock() });
    const saver = await store.checkpoints();
    opened.set(saver, {
      [Symbol.asyncDispose]: async () => {
        await store.close();
        await rm(dir, { recursive: true });
      },
    });
    return saver;
  },
  destroyCheckpointer: async (saver: SqliteCheckpointSaver) => {
    await opened.get(saver)?.[Symbol.asyncDispose]();
    opened.delete(saver);
  },
};

validate(initializer);
deltaChannelHistoryTests(initializer);

/** A graph of the factory's shape: a node asks for its outcome and, while there is none, interrupts. */
const compile = (saver: SqliteCheckpointSaver, outcomes: ReadonlyMap<string, string>) => {
  const outcome = (step: string): string => outcomes.get(step) ?? interrupt(step);
  const State = Annotation.Root({
    attempt: Annotation<number>({ reducer: (_, next) => next, default: () => 1 }),
    trail: Annotation<string[]>({ reducer: (all, more) => all.concat(more), default: () => [] }),
  });
  return new StateGraph(State)
    .addNode("code", (s) => ({ trail: [`code-${s.attempt}:${outcome(`code-${s.attempt}`)}`] }))
    .addNode("verify", (s) => {
      const verdict = outcome(`verify-${s.attempt}`);
      const next = verdict === "red" ? { attempt: s.attempt + 1 } : {};
      return { ...next, trail: [`verify:${verdict}`] };
    })
    .addEdge(START, "code")
    .addEdge("code", "verify")
    .addConditionalEdges("verify", (s) => (s.trail.at(-1) === "verify:red" ? "code" : END))
    .compile({ checkpointer: saver });
};

describe("under a real graph", () => {
  let saver: SqliteCheckpointSaver;
  beforeAll(async () => {
    saver = await initializer.createCheckpointer();
  });
  afterAll(() => initializer.destroyCheckpointer(saver));

  const config = (thread: string) => ({
    configurable: { thread_id: thread },
    durability: "sync" as const,
  });
  const all = [
    ["code-1", "a"],
    ["verify-1", "red"],
    ["code-2", "b"],
    ["verify-2", "green"],
  ] as const;
  const trail = ["code-1:a", "verify:red", "code-2:b", "verify:green"];

  it("goes on where it stood, woken after each outcome by a process that knows nothing", async () => {
    const outcomes = new Map<string, string>();
    await compile(saver, outcomes).invoke({}, config("r1/task/a"));
    for (const [step, result] of all) {
      outcomes.set(step, result);
      await compile(saver, outcomes).invoke(null, config("r1/task/a"));
    }
    const state = await compile(saver, outcomes).getState(config("r1/task/a"));
    expect(state.values.trail).toEqual(trail);
    expect(state.next).toEqual([]);
  });

  it("ends the same when every checkpoint is deleted in mid-run and it is started anew", async () => {
    const outcomes = new Map<string, string>(all.slice(0, 3));
    await compile(saver, outcomes).invoke({}, config("r1/task/b"));
    await saver.deleteAllCheckpoints();
    expect(await saver.getTuple(config("r1/task/b"))).toBeUndefined();
    outcomes.set("verify-2", "green");
    const end = await compile(saver, outcomes).invoke({}, config("r1/task/b"));
    expect(end.trail).toEqual(trail);
  });
});

describe("beyond the official suite", () => {
  let saver: SqliteCheckpointSaver;
  beforeAll(async () => {
    saver = await initializer.createCheckpointer();
  });
  afterAll(() => initializer.destroyCheckpointer(saver));

  const meta = { source: "loop", step: 0, parents: {} } as const;
  const at = (thread_id: string) => ({ configurable: { thread_id, checkpoint_ns: "" } });
  const checkpoint = (values: Record<string, unknown>, version = 1) => ({
    ...emptyCheckpoint(),
    id: uuid6(0),
    channel_values: values,
    channel_versions: Object.fromEntries(Object.keys(values).map((channel) => [channel, version])),
  });

  it("keeps values of two branches apart though their versions are equal", async () => {
    const root = await saver.put(at("fork"), checkpoint({ kept: "k", x: 0 }), meta, {
      kept: 1,
      x: 1,
    });
    const left = await saver.put(root, checkpoint({ kept: "k", x: "left" }, 2), meta, { x: 2 });
    const right = await saver.put(root, checkpoint({ kept: "k", x: "right" }, 2), meta, { x: 2 });
    const values = async (config: typeof root) =>
      (await saver.getTuple(config))?.checkpoint.channel_values;
    expect(await values(left)).toEqual({ kept: "k", x: "left" });
    expect(await values(right)).toEqual({ kept: "k", x: "right" });
    expect(await values(root)).toEqual({ kept: "k", x: 0 });
  });

  it("forgets the value of a channel that was emptied", async () => {
    const full = await saver.put(at("emptied"), checkpoint({ x: 1 }), meta, { x: 1 });
    const next = { ...checkpoint({}), channel_versions: { x: 2 } };
    const empty = await saver.put(full, next, meta, { x: 2 });
    expect((await saver.getTuple(empty))?.checkpoint.channel_values).toEqual({});
  });

  it.each(["__proto__", "constructor", "prototype", "a'; DROP TABLE checkpoints; --", "%", "*"])(
    "treats thread, namespace, channel and task named %s as plain text",
    async (name) => {
      const thread = { configurable: { thread_id: name, checkpoint_ns: name } };
      const values = Object.fromEntries([[name, { [name]: "value" }]]);
      const versions = Object.fromEntries([[name, 1]]);
      const config = await saver.put(thread, checkpoint(values), meta, versions);
      await saver.putWrites(config, [[name, "written"]], name);
      const tuple = await saver.getTuple(thread);
      expect(Object.entries(tuple?.checkpoint.channel_values ?? {})).toEqual(
        Object.entries(values),
      );
      expect(tuple?.pendingWrites).toEqual([[name, name, "written"]]);
      expect(Object.keys(Object.prototype)).toEqual([]);
      await saver.deleteThread(name);
      expect(await saver.getTuple(thread)).toBeUndefined();
      expect(await saver.getTuple(at("fork"))).toBeDefined();
    },
  );

  it("keeps a task's first write, and the newest of its errors and interrupts", async () => {
    const config = await saver.put(at("writes"), checkpoint({}), meta, {});
    await saver.putWrites(config, [["x", "first"]], "t1");
    await saver.putWrites(config, [["x", "second"]], "t1");
    await saver.putWrites(config, [["__interrupt__", "first"]], "t1");
    await saver.putWrites(config, [["__interrupt__", "second"]], "t1");
    await saver.putWrites(config, [["y", undefined]], "t2");
    expect((await saver.getTuple(config))?.pendingWrites).toEqual([
      ["t1", "__interrupt__", "second"],
      ["t1", "x", "first"],
      ["t2", "y", undefined],
    ]);
  });

  it("builds no object from JSON that looks like one of LangChain's", async () => {
    const hostile = { lc: 1, type: "constructor", id: ["langchain_core", "messages", "AIMessage"] };
    const config = await saver.put(at("hostile"), checkpoint({ hostile }), meta, { hostile: 1 });
    const loaded = (await saver.getTuple(config))?.checkpoint.channel_values.hostile;
    expect(loaded).toStrictEqual(hostile);
  });

  it.each([new Map([[1, 2]]), new Set([1]), new Uint8Array(2)])(
    "refuses a value that JSON would lose: %o",
    async (value) => {
      const put = saver.put(at("lossy"), checkpoint({ x: { deep: value } }), meta, { x: 1 });
      await expect(put).rejects.toThrow('a checkpoint holds plain JSON: "deep" is a');
      expect(await saver.getTuple(at("lossy"))).toBeUndefined();
    },
  );
});
