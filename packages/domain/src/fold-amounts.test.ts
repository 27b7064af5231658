import { describe, expect, test } from "vitest";
import type { EventBody } from "./events.ts";
import { picoReader } from "./fold/older.ts";
import { RunLog, taskInput as task } from "./run-log-fixture.ts";
import { NO_USAGE } from "./usage.ts";

const called = (call: string, cost: number, excess?: number): EventBody => ({
  type: "model.called",
  call,
  step: "s1",
  role: "coder",
  model: "some-model",
  usage: NO_USAGE,
  cost,
  estimated: false,
  durationMs: 1,
  ...(excess === undefined ? {} : { excess }),
});
const one = { task: "t1", attempt: 1 };

describe("what a call is later known to have cost", () => {
  test("takes the place of its estimate, for the run and for its task", () => {
    const log = new RunLog().plan(1, [task("t1")]);
    log.add(called("c1", 500), one).add(called("c2", 7));
    const reason = "the provider's list says so";
    log.add({ type: "model.adjusted", call: "c1", was: 500, cost: 120, reason }, one);
    expect(log.state.run.spent).toBe(127);
    expect(log.state.tasks.t1?.spent).toBe(120);
    expect(log.state.run.calls).toBe(2);
  });

  test("is no spend as far as it is above the reservation", () => {
    const log = new RunLog().add(called("c1", 500, 80)).add(called("c2", 5));
    expect(log.state.run).toMatchObject({ spent: 505, excess: 80 });
    const adjusted = { call: "c2", was: 5, cost: 5, reason: "billed", excess: 3 };
    log.add({ type: "model.adjusted", ...adjusted });
    expect(log.state.run).toMatchObject({ spent: 505, excess: 83 });
    expect(new RunLog().add(called("c1", 500)).state.run).not.toHaveProperty("excess");
  });

  test("counts no further than a number can, whatever a provider says", () => {
    const most = Number.MAX_SAFE_INTEGER;
    const log = new RunLog();
    for (const id of ["c1", "c2", "c3"])
      log.add({ ...called(id, 1, most), work: most } as EventBody);
    expect(log.state.run).toMatchObject({
      spent: 3,
      excess: most,
      work: { amount: most, calls: 3 },
    });
  });
});

/** A log of an older version, and the same as this one writes it. */
const logs = (unit: 1 | 1000): RunLog => {
  const log = new RunLog({ amounts: unit === 1 ? undefined : "pico", budget: 20_000_001 * unit });
  log.plan(1, [task("t1")]);
  log.add(called("c1", 333_333 * unit), one).add(called("c2", 1 * unit));
  log.add({ type: "budget.warned", spent: 333_334 * unit, budget: 20_000_001 * unit });
  const stopped = { reason: "used", spent: 333_334 * unit, budget: 20_000_001 * unit };
  log.add({ type: "budget.stopped", ...stopped });
  return log.add({ type: "budget.raised", budget: 30_000_003 * unit });
};

describe("a log in nano-dollars", () => {
  test("folds to what the same log in pico-dollars folds to", () => {
    const { amounts, ...now } = logs(1000).state.run;
    expect(logs(1).state).toEqual({ ...logs(1000).state, run: now });
    expect(amounts).toBe("pico");
    expect(now).toMatchObject({ budget: 30_000_003_000, spent: 333_334_000 });
  });

  test("goes on in pico-dollars once it says so", () => {
    const log = logs(1).add({ type: "run.upgraded", amounts: "pico" }).add(called("c3", 999), one);
    expect(log.state.run).toMatchObject({ spent: 333_334_999, amounts: "pico" });
    expect(log.state.tasks.t1?.spent).toBe(333_333_999);
  });

  test("is read as the same log in pico-dollars", () => {
    const upgrade: EventBody = { type: "run.upgraded", amounts: "pico" };
    const [old, now] = ([1, 1000] as const).map((unit) =>
      logs(unit).add(upgrade).add(called("c3", 999), one).events.map(picoReader()),
    );
    expect(old?.slice(1)).toEqual(now?.slice(1));
    expect(old?.[0]).toMatchObject({ budget: 20_000_001_000 });
  });
});
