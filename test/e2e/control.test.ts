import { setTimeout as sleep } from "node:timers/promises";
import { exitCode, fromUsd, isEnded, LABELS } from "@headrace/domain";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { engineAddress } from "../support/engine.ts";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import type { TestRun } from "../support/factory-run.ts";
import { accepts, approves, codes, codesSlowly, task } from "../support/script.ts";
import { expectSound, repliesOf } from "../support/soundness.ts";

let factory: TestFactory;
beforeAll(async () => {
  factory = await openTestFactory({ limits: { reconcileMs: 300 } });
});
afterAll(() => factory[Symbol.asyncDispose]());

const WHOLE = "every part is in its place\n";
const ACCEPTED = accepts({ r1: { file: "whole.txt", quote: WHOLE.trim() } });
const TURN_MS = 700;
const slow = [task("slow")];
const SLOWLY = [codesSlowly("slow", { "whole.txt": WHOLE }, TURN_MS), approves("slow"), ACCEPTED];

/** Commits at which settled and reserved spend stood above the budget. */
const watchBudget = (run: TestRun): string[] => {
  const above: string[] = [];
  const check = async () => {
    const calls = await factory.store.calls(run.id);
    const { budget } = (await factory.store.state(run.id))?.run ?? { budget: 0 };
    const sum = calls.reduce((s, c) => s + (c.state === "open" ? c.amount : c.cost), 0);
    if (sum > budget) above.push(`${sum} of ${budget}`);
  };
  factory.store.onCommit((id) => {
    if (id === run.id) void check();
  });
  return above;
};

const containersOf = async (run: string): Promise<number> => {
  const filters = { label: [`${LABELS.run}=${run}`] };
  return (await new Docker(await engineAddress()).listContainers({ all: true, filters })).length;
};

const asked = async (run: TestRun): Promise<number> => (await run.requests()).length;

describe.concurrent("a person at the controls", () => {
  test("a budget that cannot hold the next call parks the run, and raising it completes the run", async () => {
    // room for the worst case of one coder's call, not for two and not for a reviewer's
    const budget = fromUsd(0.3);
    const run = await factory.start({
      budget,
      tasks: [task("left"), task("right")],
      script: [
        codes("left", { "whole.txt": WHOLE }, { delayMs: TURN_MS }),
        codes("right", { "right.txt": "right\n" }, { delayMs: TURN_MS }),
        approves("left"),
        approves("right"),
        ACCEPTED,
      ],
    });
    const above = watchBudget(run);
    const parked = await run.until("parked", (s) => s.run.status === "budget");
    expect(exitCode(parked)).toBe(4);
    const stop = (await run.events()).find((e) => e.type === "budget.stopped");
    expect(stop).toMatchObject({ budget });
    expect(stop?.type === "budget.stopped" && stop.reason).toMatch(
      /the next call may cost \$0\.\d+/,
    );
    await run.until("what was under way is settled", (s) => s.run.calls > 0);
    expect((await run.state()).run.status).toBe("budget");

    await factory.control.raiseBudget(run.id, fromUsd(5));
    await run.until("complete", (s) => s.run.status === "complete");
    await run.settled();
    const state = await expectSound(run);
    expect(state.run.budget).toBe(fromUsd(5.3));
    expect(Object.values(state.tasks).map((t) => t.attempts)).toEqual([1, 1]);
    expect(above).toEqual([]);
    expect(await repliesOf(run)).toHaveLength(5);
    expect(await asked(run)).toBe(5);
  });

  test("a paused run begins no call, and goes on where it was when it is resumed", async () => {
    const run = await factory.start({ tasks: slow, script: SLOWLY });
    await run.until("the coder is at work", (s) => s.run.calls === 1);
    await factory.control.pause(run.id, "going home");
    const paused = await run.state();
    expect(exitCode(paused)).toBe(5);
    await sleep(2 * TURN_MS);
    const atRest = await asked(run);
    expect(atRest).toBeLessThanOrEqual(2);
    await sleep(2 * TURN_MS);
    expect(await asked(run)).toBe(atRest);

    await factory.control.resume(run.id);
    await run.until("complete", (s) => s.run.status === "complete");
    await run.settled();
    const state = await expectSound(run);
    expect(state.tasks.slow).toMatchObject({ status: "landed", attempts: 1 });
    expect(await repliesOf(run)).toHaveLength(5);
  });

  test("a cancelled run ends at once; who waits on the repository starts after the oldest open run", async () => {
    const first = await factory.start({ tasks: slow, script: SLOWLY });
    const again = { repo: first.repo, tasks: slow, script: SLOWLY };
    const second = await factory.start(again);
    const third = await factory.start(again);
    expect([second.behind, third.behind]).toEqual([first.id, second.id]);
    await factory.control.cancel(second.id, "not needed");
    await first.until("the coder is at work", (s) => s.run.calls === 2);
    expect((await third.state()).run).toMatchObject({ status: "queued", calls: 0 });

    await factory.control.cancel(first.id, "the wrong spec");
    const cancelled = await first.state();
    expect(exitCode(cancelled)).toBe(3);
    expect(cancelled.run.reasons).toEqual(["the wrong spec"]);
    await third.until("complete", (s) => s.run.status === "complete");
    await third.settled();
    await expectSound(third);
    // a call under way came to its end, and no other was begun
    expect(await asked(first)).toBeLessThanOrEqual(3);
    const over = await expectSound(first);
    expect(isEnded(over.run.status)).toBe(true);
    expect(await containersOf(first.id)).toBe(0);
    expect(await asked(second)).toBe(0);
    await expect(factory.control.resume(first.id)).rejects.toThrow("has ended");
  });
});
