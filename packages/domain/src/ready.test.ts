import { describe, expect, test } from "vitest";
import { exitCode } from "./exit-code.ts";
import { isBuildOver, landedTasks, readyTasks, unreachable, waitingOnPerson } from "./ready.ts";
import { RunLog, taskInput as task } from "./run-log-fixture.ts";

/** a -> b -> d, a -> c -> d, and e alone */
const diamond = () =>
  new RunLog().plan(1, [
    task("e"),
    task("a"),
    task("b", { blockedBy: ["a"] }),
    task("c", { blockedBy: ["a"] }),
    task("d", { blockedBy: ["b", "c"] }),
  ]);

describe("ready tasks", () => {
  test("start with the longest chain of work, not with the first of the plan", () => {
    expect(readyTasks(diamond().state)).toEqual(["a", "e"]);
  });

  test("keep the plan's order where chains are equally long", () => {
    expect(readyTasks(diamond().land("a").land("e").state)).toEqual(["b", "c"]);
  });

  test("wait until every blocker has landed, not merely been queued", () => {
    expect(readyTasks(diamond().land("a").land("b").queue("c").start("e").state)).toEqual([]);
    expect(readyTasks(diamond().land("a").land("b").land("c").land("e").state)).toEqual(["d"]);
  });

  test("are none before a plan is accepted", () => {
    expect(readyTasks(new RunLog().state)).toEqual([]);
    expect(isBuildOver(new RunLog().state)).toBe(false);
  });

  test("keep the plan's order for ids that look like numbers", () => {
    const log = new RunLog().plan(1, [task("10"), task("2"), task("1")]);
    expect(readyTasks(log.state)).toEqual(["10", "2", "1"]);
  });
});

test("landed tasks are told in the order they landed", () => {
  expect([...landedTasks(diamond().land("e").land("a").state)]).toEqual(["e", "a"]);
});

test("what stands behind a quarantined task is unreachable, all the way down", () => {
  const log = diamond().land("a").start("b").quarantine("b");
  expect(unreachable(log.state)).toEqual(["d"]);
  expect(readyTasks(log.state)).toEqual(["e", "c"]);
  expect(unreachable(diamond().start("a").quarantine("a").state)).toEqual(["b", "c", "d"]);
  expect(unreachable(diamond().state)).toEqual([]);
});

describe("a build is over", () => {
  test("when everything has landed", () => {
    const log = diamond().land("a").land("b").land("c").land("d");
    expect(isBuildOver(log.state)).toBe(false);
    expect(isBuildOver(log.land("e").state)).toBe(true);
  });

  test("when what is left stands behind a quarantined task", () => {
    const log = diamond().land("e").start("a").quarantine("a");
    expect(isBuildOver(log.state)).toBe(true);
  });

  test("but not while a task waits for an answer or to be merged", () => {
    const only = () => new RunLog().plan(1, [task("a")]);
    expect(isBuildOver(only().start("a").ask("q1", "a").state)).toBe(false);
    expect(isBuildOver(only().queue("a").state)).toBe(false);
  });
});

describe("a run waits for a person", () => {
  const asked = () =>
    new RunLog()
      .plan(1, [task("a"), task("b")])
      .start("a")
      .ask("q1", "a");
  const step = { step: "run-1-b-code", subject: "b", thread: { kind: "task", id: "b" } } as const;

  test("only when nothing else can go on", () => {
    expect(waitingOnPerson(asked().state)).toBe(false);
    expect(waitingOnPerson(asked().start("b").state)).toBe(false);
    expect(waitingOnPerson(asked().queue("b").state)).toBe(false);
    expect(waitingOnPerson(asked().land("b").state)).toBe(true);
  });

  test("not while a step is still out", () => {
    const input = { kind: "environment", commit: "a".repeat(40) } as const;
    const log = asked().land("b");
    log.add({ type: "step.requested", ...step, input });
    expect(waitingOnPerson(log.state)).toBe(false);
  });

  test("no longer once the question is answered", () => {
    const log = asked().land("b");
    log.add({ type: "question.answered", question: "q1", text: "this" }, { task: "a" });
    expect(waitingOnPerson(log.state)).toBe(false);
  });

  test("when the planner asks, but not when a task's question is overtaken by a new plan", () => {
    const planning = { type: "thread.started", kind: "plan", id: "v2" } as const;
    expect(waitingOnPerson(new RunLog().add(planning).ask("q1").state)).toBe(true);
    expect(waitingOnPerson(asked().land("b").add(planning).state)).toBe(false);
  });
});

describe("a run whose task's own budget is used", () => {
  const coding = (log: RunLog, task: string) => {
    const thread = { kind: "task", id: task } as const;
    const input = { kind: "environment", commit: "a".repeat(40) } as const;
    const step = { step: `run-1-${task}-code`, subject: task, thread, input } as const;
    return log.add({ type: "step.requested", ...step }, { task, attempt: 1 });
  };
  const parked = () => {
    const tasks = [task("a"), task("b"), task("c", { blockedBy: ["a"] })];
    const log = new RunLog({ amounts: "pico" }).plan(1, tasks);
    const stop = { type: "budget.parked", level: "task", reason: "used", budget: 5 } as const;
    return coding(log.start("a"), "a").add(stop, { task: "a" });
  };

  test("goes on while another task can start, is built or waits to be merged", () => {
    expect(exitCode(parked().state)).toBeUndefined();
    expect(exitCode(coding(parked().start("b"), "b").state)).toBeUndefined();
    expect(exitCode(parked().queue("b").state)).toBeUndefined();
  });

  test("ends a client with 4 when nothing else is left, though other tasks are behind it", () => {
    expect(exitCode(parked().land("b").state)).toBe(4);
    expect(isBuildOver(parked().land("b").state)).toBe(false);
  });

  test("goes on when the budget is raised", () => {
    const log = parked().land("b");
    log.add({ type: "budget.raised", budget: 3 }, { task: "a" });
    expect(exitCode(log.state)).toBeUndefined();
    expect(log.state.tasks.a).toMatchObject({ raised: 3 });
  });

  test("waits for the person first where one is asked something as well", () => {
    expect(exitCode(parked().start("b").ask("q1", "b").state)).toBe(5);
  });

  test("keeps others from being merged only while its own landing is held", () => {
    const log = new RunLog()
      .plan(1, [task("a"), task("b")])
      .queue("a")
      .queue("b");
    const input = { kind: "environment", commit: "a".repeat(40) } as const;
    const thread = { kind: "landing", id: "a-1" } as const;
    const step = { type: "step.requested", step: "run-1-a-resolve", subject: "a" } as const;
    log.add({ ...step, thread, input }, { task: "a", attempt: 1 });
    const stop = { type: "budget.parked", level: "task", reason: "used", budget: 5 } as const;
    expect(exitCode(log.add(stop, { task: "a" }).state)).toBe(4);
  });
});

describe("the exit code of a followed run", () => {
  const reason = "because";
  test.each([
    ["is 0 when it is complete", new RunLog().add({ type: "run.completed" }), 0],
    ["is 1 when the factory failed", new RunLog().add({ type: "run.failed", reason }), 1],
    ["is 3 when incomplete", new RunLog().add({ type: "run.incomplete", reasons: [reason] }), 3],
    ["is 3 when cancelled", new RunLog().add({ type: "run.cancelled", reason }), 3],
    [
      "is 4 at the budget",
      new RunLog().add({ type: "budget.stopped", reason, spent: 1, budget: 1 }),
      4,
    ],
    ["is 5 when a person paused it", new RunLog().add({ type: "run.paused", reason }), 5],
    ["is 5 when only a question is left", new RunLog().ask("q1"), 5],
    ["is open while it works", diamond(), undefined],
    ["is open while it queues", new RunLog().add({ type: "run.queued", behind: "r0" }), undefined],
  ])("%s", (_title, log, code) => {
    expect(exitCode(log.state)).toBe(code);
  });
});
