import { type CallRow, NO_USAGE, totalTokens } from "@headrace/domain";
import type { SimulatorOptions } from "@headrace/simulator";
import { expect, test } from "vitest";
import { folderSandboxes } from "../support/folder-sandboxes.ts";
import { coding, workerRig } from "../support/worker-rig.ts";

const TURNS = 10;

/** A session in which each turn writes a file and the last hands the change in. */
const session = Array.from({ length: TURNS }, (_, n) =>
  n < TURNS - 1
    ? { calls: [{ write: { path: `${n}.txt`, content: `${n}\n`.repeat(200) } }] }
    : { calls: [{ submit_change: { summary: "Writes files." } }] },
);

const costOf = (calls: readonly CallRow[]): number =>
  calls.reduce((sum, { cost }) => sum + cost, 0);

/** A try that broke off has written the cache, so the next one reads more of the same prompt. */
const tokensOf = ({ usage = NO_USAGE }: CallRow) => ({
  prompt: totalTokens(usage) - usage.output,
  output: usage.output,
});

/** Plays the session through a real worker and control plane, and tells what came of it. */
const play = async (conditions: Omit<SimulatorOptions, "mode"> = {}) => {
  await using rig = await workerRig({
    sandboxes: folderSandboxes(),
    history: [{ "a.txt": "a\n" }],
    conversations: [{ role: "coder", task: "t1", turns: session }],
    conditions,
  });
  const step = await rig.request("code", coding(rig.base));
  expect(await rig.deliver(step)).toEqual({ kind: "done" });
  expect(await rig.row(step)).toMatchObject({ lost: 0, result: { result: { end: "submitted" } } });
  const records = await rig.store.records(rig.run, step);
  const snapshot = records.findLast((part) => part.kind === "snapshot")?.commit ?? "";
  const { tries } = await rig.store.exhaust(rig.run);
  return {
    tree: await rig.factory.treeOf(snapshot),
    replies: records.filter(({ kind }) => kind === "reply").length,
    calls: await rig.store.calls(rig.run),
    totals: await rig.store.totals(rig.run),
    spent: (await rig.state()).run.spent,
    outcomes: tries.map(({ outcome }) => outcome),
    completed: rig.simulator.completed(),
    sent: rig.simulator.requests().filter(({ path }) => path === "/v1/messages").length,
  };
};

test("under a storm a session ends as in calm weather: the same tree, no reply twice, every try accounted for", async () => {
  const calm = await play();
  expect(calm.completed).toEqual({ count: TURNS, repeated: [] });
  expect(calm.calls.map(({ state }) => state)).toEqual(Array(TURNS).fill("settled"));

  // a storm of every kind in which no call fails, or breaks off, more often than it is tried
  const stormy = await play({ storm: { seed: 3655, share: 0.45 } });
  expect(stormy.tree).toBe(calm.tree);
  expect(stormy.replies).toBe(TURNS);
  expect(stormy.completed).toEqual({ count: TURNS, repeated: [] });
  const { outcomes, calls, totals } = stormy;
  expect(new Set(outcomes)).toEqual(new Set(["ok", "rate", "overload", "server", "network"]));
  expect(outcomes.length).toBe(stormy.sent);

  // each try had its own reservation: a reply costs what it used, what broke off keeps all of it, an error nothing
  expect(calls.length).toBe(stormy.sent);
  const settled = calls.filter(({ state }) => state === "settled");
  expect(settled.map(tokensOf)).toEqual(calm.calls.map(tokensOf));
  const estimated = calls.filter(({ state }) => state === "estimated");
  expect(estimated.length).toBeGreaterThan(0);
  expect(estimated.every(({ cost, amount }) => cost === amount)).toBe(true);
  const released = calls.filter(({ state }) => state === "released");
  expect(released.every(({ cost }) => cost === 0)).toBe(true);
  expect(stormy.spent).toBe(costOf(settled) + costOf(estimated));
  expect(totals.settled).toBe(stormy.spent);
});
