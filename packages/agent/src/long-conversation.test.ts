import { NO_USAGE } from "@headrace/domain";
import { expect, test } from "vitest";
import { BREAK, Cut, call, type RigOptions, say } from "../../../test/support/agent-rig.ts";
import { maker, rigFor, SUBMIT, WRITE } from "../../../test/support/sample-maker.ts";
import type { AgentDefinition } from "./index.ts";

const append = (n: number) => [call("bash", { command: `echo ${n} >> log.txt` }, `a${n}`)];

/** All that adds to a conversation besides results: idle and cut replies, warnings, a lost sandbox, refused submissions. */
const EVENTFUL: RigOptions["script"] = [
  [say("A file."), WRITE, call("bash", { command: "seq 1 9000" }, "b1")],
  [say("Hm.")],
  [call("fly", {}, "f1"), call("bash", { command: BREAK }, "b2")],
  { stopReason: "max_tokens", content: [call("bash", { command: "ls" }, "b3")] },
  [call("submit_change", { summary: "TODO" }, "s0")],
  ...Array.from({ length: 4 }, (_, i) => [call("bash", { command: "false" }, `same${i}`)]),
  ...Array.from({ length: 9 }, (_, i) => append(i)),
  [SUBMIT],
];

const STEER = { kind: "steer", seq: 4, text: "Keep it short." } as const;
const broken = (rig: { events: ReadonlyArray<{ type: string }> }) =>
  rig.events.filter(({ type }) => type === "cache.broken");

test("however eventful it is, each prompt of a conversation begins with the one before it", async () => {
  await using rig = await rigFor(EVENTFUL, { wrapUp: { 6: "80 % of the task's budget is used" } });
  rig.inbox.deliver(STEER);
  expect(await rig.run()).toMatchObject({ end: { end: "submitted" } });
  expect(rig.opened.length).toBeGreaterThan(1);
  const notes = rig.records.filter((part) => part.kind === "note");
  expect(notes.length).toBeGreaterThanOrEqual(6);
  expect(broken(rig)).toEqual([]);
});

test.each([5, 11, 20])("so it does when another worker goes on after part %i", async (cutAfter) => {
  await using rig = await rigFor(EVENTFUL);
  await expect(rig.run({ cutAfter })).rejects.toThrow(Cut);
  rig.inbox.deliver(STEER);
  expect(await rig.run()).toMatchObject({ end: { end: "submitted" } });
  expect(broken(rig)).toEqual([]);
});

test("an earlier byte that differs is reported with its turn and its block", async () => {
  let asked: readonly unknown[] | undefined;
  // as a prompt would that tells the time
  const definition: AgentDefinition = {
    ...maker(),
    get prompt() {
      return asked?.length === 2 ? "Build it well." : "Build it.";
    },
  };
  await using rig = await rigFor([[WRITE], append(1), append(2), [SUBMIT]], { definition });
  asked = rig.requests;
  await rig.run();
  const step = { type: "cache.broken", step: "r1-t1-code-1", role: "coder" };
  expect(broken(rig)).toEqual([
    { ...step, turn: 3, block: "system[0]" },
    { ...step, turn: 4, block: "system[0]" },
  ]);
});

test("a record that was added to in the middle is found by the worker that goes on with it", async () => {
  await using rig = await rigFor([[WRITE], append(1), append(2), [SUBMIT]]);
  await expect(rig.run({ cutAfter: 8 })).rejects.toThrow(Cut);
  const last = rig.records.findLastIndex((part) => part.kind === "reply");
  rig.records.splice(last + 1, 0, { kind: "note", turn: 1, text: "late" });
  await rig.run();
  expect(broken(rig)).toMatchObject([{ turn: 4, block: "messages[2].content[1]" }]);
});

test("a budget's warning is told once in a conversation, and each budget's own", async () => {
  const task = "80 % of the task's budget is used";
  const run = "80 % of the run's budget is used";
  await using rig = await rigFor([[WRITE], append(1), append(2), append(3), [SUBMIT]], {
    wrapUp: { 1: task, 2: task, 3: run, 4: task },
  });
  await rig.run();
  const notes = rig.records.flatMap((part) => (part.kind === "note" ? [part] : []));
  expect(notes.map(({ turn, text }) => [turn, text])).toEqual([
    [1, expect.stringContaining(task)],
    [3, expect.stringContaining(run)],
  ]);
});

test("what a call was billed for goes with the next one, for the candidate that billed it", async () => {
  const usage = { ...NO_USAGE, input: 30, cacheRead: 900, cacheWrite5m: 70, output: 40 };
  await using rig = await rigFor([{ content: [WRITE], usage }, append(1), [SUBMIT]]);
  await expect(rig.run({ cutAfter: 5 })).rejects.toThrow(Cut);
  await rig.run();
  expect(rig.billed).toEqual([
    undefined,
    { candidate: "anthropic/scripted", tokens: 1_000, messages: 1 },
    // the records do not say who gave the last reply of another claim
    undefined,
  ]);
});
