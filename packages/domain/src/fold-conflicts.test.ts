import { describe, expect, test } from "vitest";
import { laterOf } from "./merge-queue.ts";
import { oid, RunLog, taskInput as task } from "./run-log-fixture.ts";

const plan = () => new RunLog().plan(1, [task("a"), task("b"), task("c", { blockedBy: ["b"] })]);
const conflict = { type: "merge.conflicted" as const, landing: "a-1", files: ["x.txt"] };
const about = { task: "a", attempt: 1 };

describe("a conflict in the rows", () => {
  test("of a log from before there was a ladder was the merger's", () => {
    const { a } = plan().queue("a").add(conflict, about).state.tasks;
    expect(a).toMatchObject({
      conflictedLanding: "a-1",
      rungs: ["merger"],
      conflict: { landing: "a-1", files: ["x.txt"], rung: "merger", rounds: { 1: "merger" } },
    });
  });

  test("counts each rung once for a landing, however often somebody moves the branch", () => {
    const log = plan().queue("a");
    for (const round of [1, 2, 3]) log.add({ ...conflict, round, rung: "merger" }, about);
    log.add({ ...conflict, round: 3, rung: "rewrite", reason: "refused" }, about);
    expect(log.state.tasks.a?.rungs).toEqual(["merger", "rewrite"]);
    expect(log.state.tasks.a?.conflict).toMatchObject({
      reason: "refused",
      rounds: { 1: "merger", 2: "merger", 3: "rewrite" },
    });
    log.add({ ...conflict, landing: "a-2", rung: "rewrite" }, about);
    expect(log.state.tasks.a?.rungs).toEqual(["merger", "rewrite", "rewrite"]);
  });

  test("puts the work aside where the task is done anew, and only there", () => {
    for (const rung of ["author", "rewrite"] as const) {
      const log = plan().queue("a");
      const step = { step: "run-1-a-change-1", thread: { kind: "task", id: "a" } } as const;
      const input = { kind: "change", snapshot: oid("d"), base: oid("a"), summary: "x" } as const;
      log.add({ type: "step.requested", subject: "a", ...step, input }, about);
      const change = { outcome: "made" as const, commit: oid("b"), paths: [] };
      const result = { kind: "change" as const, change };
      log.add({ type: "step.finished", step: step.step, result }, about);
      log.add({ type: "task.returned", reason: "conflict", rung }, about);
      const { a } = log.state.tasks;
      expect(a).toMatchObject({ workingChange: oid("b"), returned: { attempt: 1, rung } });
      expect(a?.discarded).toBe(rung === "rewrite" ? oid("b") : undefined);
    }
  });

  test("that is foretold stands with the task that is merged later, newest for each other task", () => {
    const log = plan();
    const pair = { type: "conflict.predicted", other: "b", otherChange: oid("b") } as const;
    log.add({ ...pair, change: oid("c"), files: ["x.txt"] }, { task: "a" });
    log.add({ ...pair, change: oid("d"), files: ["y.txt"] }, { task: "a" });
    expect(log.state.tasks.a?.predicted).toEqual({
      b: { change: oid("d"), otherChange: oid("b"), files: ["y.txt"] },
    });
  });
});

test("a branch that is contended for is remembered by its landing, also when that ends", () => {
  const log = plan().queue("a").add({ type: "thread.started", kind: "landing", id: "a-1" });
  log.add({ type: "merge.contended", landing: "a-1", round: 8 });
  log.add({ type: "thread.finished", kind: "landing", id: "a-1" });
  expect(log.state.threads["landing/a-1"]).toMatchObject({ contended: 8, finished: true });
});

describe("of two tasks in flight that one is merged later", () => {
  const later = ({ state }: RunLog, old: string, fresh: string) => {
    const { [old]: one, [fresh]: other } = state.tasks;
    if (one === undefined || other === undefined) throw new Error("there is no such task");
    return laterOf(state, one, other).id;
  };

  test("that less work waits for, queued or not", () => {
    const log = plan().queue("a").start("b");
    expect([later(log, "a", "b"), later(log, "b", "a")]).toEqual(["a", "a"]);
  });

  test("that is not queued, or has its change since just now", () => {
    const even = () => new RunLog().plan(1, [task("a"), task("b")]).start("b");
    const queued = even().queue("a");
    expect([later(queued, "a", "b"), later(queued, "b", "a")]).toEqual(["b", "b"]);
    const neither = even().start("a");
    expect([later(neither, "a", "b"), later(neither, "b", "a")]).toEqual(["b", "a"]);
  });
});
