import { exitCode } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import type { RunPlan } from "../support/factory-run.ts";
import { accepts, approves, codes, task } from "../support/script.ts";
import { expectSound, repliesOf } from "../support/soundness.ts";

let factory: TestFactory;
beforeAll(async () => {
  factory = await openTestFactory();
});
afterAll(() => factory[Symbol.asyncDispose]());

const WHOLE = "one and two together\n";

/** Two parts and the whole; `turn` is added to each coder's reply. */
const planned = (turn: { usage?: unknown } = {}): RunPlan => ({
  tasks: [task("one"), task("two"), task("all", { blockedBy: ["one", "two"] })],
  script: [
    codes("one", { "one.txt": "one\n" }, turn),
    codes("two", { "two.txt": "two\n" }, turn),
    codes("all", { "all.txt": WHOLE }, turn),
    ...["one", "two", "all"].map((id) => approves(id)),
    accepts({ r1: { file: "all.txt", quote: WHOLE.trim() } }),
  ],
});

/** Plays a run to its end, which is complete and sound. */
const complete = async (plan: RunPlan) => {
  const run = await factory.start(plan);
  await run.settled();
  const state = await expectSound(run);
  expect(state.run).toMatchObject({ status: "complete", reasons: [] });
  const attempts = Object.values(state.tasks).map((row) => row.attempts);
  return { run, state, attempts, tree: run.landings().at(-1)?.tree };
};

describe("a run", () => {
  test("under a storm ends as in calm weather: with the same tree, no attempt used up and no reply made twice", async () => {
    const calm = await complete(planned());
    // of every kind; askings that are exhausted rest for half a minute: test/long/demo-storm.test.ts
    const stormy = await complete({ ...planned(), storm: { seed: 1208, share: 0.5 } });
    expect(stormy.tree).toBe(calm.tree);
    expect(stormy.attempts).toEqual([1, 1, 1]);
    expect(await repliesOf(stormy.run)).toHaveLength((await repliesOf(calm.run)).length);
    const failed = (await stormy.run.events()).filter(({ type }) => type === "model.failed");
    expect(failed.length).toBeGreaterThan(4);
    const states = new Set((await stormy.run.calls()).map(({ state }) => state));
    expect(states).toEqual(new Set(["settled", "estimated", "released"]));
    const { settled } = await stormy.run.totals();
    expect(settled).toBe(stormy.state.run.spent);
  });

  test("stops at half of its cost, and a raise completes it without a completed call made again", async () => {
    const dear = { usage: { say: { output_tokens: 15_000 } } };
    const whole = await complete(planned(dear));
    const cost = whole.state.run.spent;
    const run = await factory.start({ ...planned(dear), budget: Math.floor(cost / 2) });
    const stopped = await run.settled();
    expect(exitCode(stopped)).toBe(4);
    expect(stopped.run.spent).toBeLessThanOrEqual(Math.floor(cost / 2));
    const before = await repliesOf(run);
    expect(before.length).toBeGreaterThan(0);

    await factory.control.raiseBudget(run.id, cost * 2);
    await run.until("complete", (state) => state.run.status === "complete");
    await run.settled();
    const state = await expectSound(run);
    expect(run.landings().at(-1)?.tree).toBe(whole.tree);
    const after = await repliesOf(run);
    expect(after).toEqual(expect.arrayContaining(before));
    expect(after).toHaveLength((await repliesOf(whole.run)).length);
    expect(state.run.spent).toBe(cost);
  });
});
