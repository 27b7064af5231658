import { describe, expect, test } from "vitest";
import type { EventBody, StoredEvent } from "./events.ts";
import { fold, foldAll } from "./fold.ts";
import { oid, policyWith, RunLog, taskInput as task } from "./run-log-fixture.ts";
import { ROW_KINDS } from "./run-state.ts";
import { NO_USAGE } from "./usage.ts";

const reason = "because";
const thread = { kind: "task", id: "t1" } as const;
const call = {
  type: "model.called",
  call: "c-1",
  step: "run-1-t1-code-1",
  role: "coder",
  model: "some-model",
  usage: { ...NO_USAGE, input: 100, output: 20 },
  cost: 500,
  estimated: false,
  durationMs: 10,
} as const;

describe("a log", () => {
  test("starts with the submission and with nothing else", () => {
    const [first, second] = new RunLog().add({ type: "run.started" }).events;
    expect(foldAll([])).toBeUndefined();
    expect(() => fold(undefined, second as StoredEvent)).toThrow(
      "event 2 of run run-1 precedes run.submitted",
    );
    expect(fold(undefined, first as StoredEvent).run.status).toBe("active");
  });

  test("folds event by event to what it folds to at once", () => {
    const log = new RunLog().plan(1, [task("t1"), task("t2", { blockedBy: ["t1"] })]).land("t1");
    const stepwise = log.events.reduce<ReturnType<typeof foldAll>>(
      (state, event) => fold(state, event),
      undefined,
    );
    expect(stepwise).toEqual(foldAll(log.events));
  });

  test("leaves its number and time on the run, whatever the event", () => {
    const log = new RunLog().add({ type: "note.added", level: "info", text: "hello" });
    expect(log.state.run).toMatchObject({ seq: 2, lastEventAt: "2026-01-01T00:00:02.000Z" });
  });

  test("changes no state that was handed out before", () => {
    const log = new RunLog().plan(1, [task("t1")]);
    const before = log.state;
    const kept = structuredClone(before);
    for (const event of new RunLog()
      .plan(1, [task("t1")])
      .land("t1")
      .events.slice(3))
      fold(before, event);
    expect(before).toEqual(kept);
  });

  test("survives storage as JSON", () => {
    const log = new RunLog()
      .plan(1, [task("t1")])
      .land("t1")
      .ask("q1");
    const stored = JSON.parse(JSON.stringify(log.events)) as StoredEvent[];
    expect(foldAll(stored)).toEqual(log.state);
    expect(JSON.parse(JSON.stringify(log.state))).toEqual(log.state);
  });
});

describe("a run", () => {
  test.each([
    [{ type: "run.queued", behind: "run-0" }, "queued"],
    [{ type: "run.paused", reason }, "paused"],
    [{ type: "run.failed", reason }, "failed"],
    [{ type: "budget.stopped", reason, spent: 1, budget: 1 }, "budget"],
    [{ type: "run.cancelled", reason }, "cancelled"],
    [{ type: "run.incomplete", reasons: [reason] }, "incomplete"],
    [{ type: "run.completed" }, "complete"],
  ] satisfies [EventBody, string][])("after %j is %s", (event, status) => {
    expect(new RunLog().add(event).state.run.status).toBe(status);
  });

  test("that was stopped is active again after it is resumed, and forgets the reason", () => {
    const log = new RunLog().add({ type: "run.failed", reason }).add({ type: "run.resumed" });
    expect(log.state.run).toMatchObject({ status: "active", reasons: [] });
  });

  test("that ended knows when and why", () => {
    const { run } = new RunLog().add({ type: "run.incomplete", reasons: ["r1 is unmet"] }).state;
    expect(run).toMatchObject({ endedAt: run.lastEventAt, reasons: ["r1 is unmet"] });
  });

  test("warns of its budget again after it was raised", () => {
    const log = new RunLog().add({ type: "budget.warned", spent: 16, budget: 20 });
    expect(log.state.run.budgetWarned).toBe(true);
    log.add({ type: "budget.raised", budget: 40 });
    expect(log.state.run).toMatchObject({ budgetWarned: false, budget: 40 });
  });
});

describe("a gate that was red before the run", () => {
  test("is one incident, however often it is told", () => {
    const log = new RunLog().add({ type: "base.red", gate: "lint", failing: 2, receipt: "rc-1" });
    log.add({ type: "base.red", gate: "test", failing: 1, receipt: "rc-1" });
    log.add({ type: "base.red", gate: "lint", failing: 3, receipt: "rc-2" });
    const incidents = log.state.run.baseRed?.map(({ gate, failing }) => [gate, failing]);
    expect(incidents).toEqual([
      ["test", 1],
      ["lint", 3],
    ]);
  });
});

describe("spend", () => {
  test("is summed on the run and on the task it was made for", () => {
    const log = new RunLog().plan(1, [task("t1"), task("t2")]);
    log.add(call, { task: "t1" }).add({ ...call, cost: 7 }, { task: "t1" });
    log.add({ ...call, cost: 11, model: "planner-model" });
    const { run, tasks } = log.state;
    expect(run).toMatchObject({ spent: 518, calls: 3, usage: { input: 300, output: 60 } });
    expect(tasks.t1).toMatchObject({ spent: 507, models: ["some-model"] });
    expect(tasks.t2).toMatchObject({ spent: 0, models: [] });
  });
});

describe("a task", () => {
  const one = () => new RunLog().plan(1, [task("t1"), task("t2", { blockedBy: ["t1"] })]);

  test("goes from blocked over building and queued to landed", () => {
    const log = one();
    const status = () => log.state.tasks.t1?.status;
    expect(status()).toBe("blocked");
    log.add({ type: "task.ready" }, { task: "t1" });
    expect(status()).toBe("building");
    log.add({ type: "attempt.started", base: oid("a") }, { task: "t1", attempt: 1 });
    expect(log.state.tasks.t1?.attempts).toBe(1);
    log.add({ type: "task.queued", change: oid("b") }, { task: "t1", attempt: 1 });
    expect(log.state.tasks.t1).toMatchObject({ status: "queued", change: oid("b") });
    const landing = { commit: oid("c"), change: oid("b"), receipt: "rc-1", branch: "b" };
    log.add({ type: "merge.landed", ...landing }, { task: "t1" });
    const seq = log.events.length;
    expect(log.state.tasks.t1).toMatchObject({
      status: "landed",
      landing: { commit: oid("c"), receipt: "rc-1", seq },
    });
    expect(log.state.run.tip).toBe(oid("c"));
  });

  test("that comes back from the merge queue is built again, and counts how often", () => {
    const log = one().queue("t1").add({ type: "task.returned", reason }, { task: "t1" });
    expect(log.state.tasks.t1).toMatchObject({ status: "building", returns: 1 });
  });

  test("that is quarantined keeps its reason and its last snapshot", () => {
    const log = one().start("t1");
    log.add({ type: "task.quarantined", reason, snapshot: oid("f") }, { task: "t1" });
    expect(log.state.tasks.t1).toMatchObject({
      status: "quarantined",
      reason,
      snapshot: oid("f"),
    });
  });

  test("waits while its question is open and goes on with the answer", () => {
    const log = one().start("t1").ask("q1", "t1");
    expect(log.state.tasks.t1?.status).toBe("waiting");
    expect(log.state.questions.q1).toMatchObject({ task: "t1", text: "Which one?" });
    log.add({ type: "question.answered", question: "q1", text: "that" }, { task: "t1" });
    expect(log.state.tasks.t1?.status).toBe("building");
    expect(log.state.questions.q1?.answer).toBe("that");
  });

  test("that no plan ever named cannot change", () => {
    expect(() => one().start("t9").state).toThrow("no row t9 to change");
  });
});

describe("a new plan version", () => {
  const replanned = () =>
    new RunLog()
      .plan(1, [task("t1"), task("t2"), task("t3"), task("t4")])
      .land("t1")
      .start("t2")
      .quarantine("t2")
      .plan(2, [task("t3", { title: "Sharper" }), task("t5")]).state;

  test("keeps what landed and what was quarantined", () => {
    const { tasks } = replanned();
    expect(tasks.t1?.status).toBe("landed");
    expect(tasks.t2?.status).toBe("quarantined");
  });

  test("drops what it no longer names", () => {
    expect(replanned().tasks.t4?.status).toBe("dropped");
  });

  test("takes over tasks that had not started, in its own words, and adds new ones", () => {
    const { tasks, run } = replanned();
    expect(tasks.t3).toMatchObject({ status: "blocked", plan: 2, task: { title: "Sharper" } });
    expect(tasks.t5).toMatchObject({ status: "blocked", plan: 2 });
    expect(run.planVersion).toBe(2);
  });

  test("that was rejected changes no task", () => {
    const log = new RunLog().plan(1, [task("t1")]);
    const before = log.state.tasks;
    log.add({ type: "plan.rejected", version: 2, round: 1, reasons: ["cyclic"] });
    expect(log.state.tasks).toEqual(before);
    expect(log.state.plans["2"]).toMatchObject({ status: "rejected", reasons: ["cyclic"] });
  });

  test("cannot be accepted before it was proposed", () => {
    const accepted: EventBody = {
      type: "plan.accepted",
      version: 1,
      requirements: [],
      policy: policyWith(),
      policyHash: "c".repeat(64),
    };
    expect(() => new RunLog().add(accepted).state).toThrow("no plan version 1");
  });
});

describe("steps and threads", () => {
  const input = { kind: "environment", commit: oid("a") } as const;
  const requested = (log: RunLog) =>
    log.add(
      { type: "step.requested", step: "run-1-t1-env", subject: "t1", thread, input },
      { task: "t1", attempt: 1 },
    );

  test("a step shows on its task while it is the newest", () => {
    const log = requested(new RunLog().plan(1, [task("t1")]));
    expect(log.state.tasks.t1?.doing).toBe("environment");
  });

  test("a step counts its dispatches, and which of them were lost", () => {
    const log = requested(new RunLog().plan(1, [task("t1")]));
    const dispatched = { type: "step.dispatched", step: "run-1-t1-env", reason } as const;
    log.add({ ...dispatched, dispatch: 1, lost: false });
    log.add({ ...dispatched, dispatch: 2, lost: true });
    expect(log.state.steps["run-1-t1-env"]).toMatchObject({ dispatch: 2, lost: 1 });
  });

  test("a finished step keeps its result", () => {
    const log = requested(new RunLog().plan(1, [task("t1")]));
    const result = { kind: "environment", image: "i", cached: true, durationMs: 1 } as const;
    log.add({ type: "step.finished", step: "run-1-t1-env", result });
    expect(log.state.steps["run-1-t1-env"]).toMatchObject({ result });
  });

  test("a thread is open until it finishes", () => {
    const log = new RunLog().add({ type: "thread.started", ...thread });
    expect(log.state.threads["task/t1"]?.finished).toBe(false);
    log.add({ type: "thread.finished", ...thread });
    expect(log.state.threads["task/t1"]?.finished).toBe(true);
  });
});

test("the rows a state is stored as are all its rows", () => {
  const { run: _run, ...rows } = new RunLog().state;
  expect(Object.keys(rows).sort()).toEqual([...ROW_KINDS].sort());
});
