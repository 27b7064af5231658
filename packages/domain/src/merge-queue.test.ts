import { describe, expect, test } from "vitest";
import { nextBatch, nextMove, type PrefixRun } from "./merge-queue.ts";
import { oid, RunLog, taskInput as task } from "./run-log-fixture.ts";
import { StepInput } from "./steps.ts";

type Run = PrefixRun;

/**
 * A world of changes 0..n-1 that is red whenever it holds one of `bad` whole: a culprit is a set of one, changes that
 * conflict semantically are a set of two. Every decision is made from the runs alone, twice.
 */
const merge = (n: number, k: number, bad: readonly (readonly number[])[]) => {
  const red = (tree: readonly number[]) =>
    bad.some((set) => set.every((change) => tree.includes(change)));
  let queue = Array.from({ length: n }, (_, i) => i);
  const landed: number[] = [];
  const returned: number[] = [];
  let verifications = 0;
  while (queue.length > 0) {
    const batch = queue.slice(0, k);
    const runs: Run[] = [];
    for (;;) {
      const move = nextMove(batch.length, runs);
      expect(nextMove(batch.length, structuredClone(runs))).toEqual(move);
      if (move.move === "verify") {
        verifications += 1;
        expect(verifications).toBeLessThan(200);
        runs.push({
          prefix: move.prefix,
          green: !red([...landed, ...batch.slice(0, move.prefix)]),
        });
        continue;
      }
      // the ref only moves to what was run and was green
      if (move.land > 0)
        expect(runs).toContainEqual({ prefix: move.land, green: true } satisfies Run);
      const culprit = move.culprit === undefined ? undefined : batch[move.culprit - 1];
      landed.push(...batch.slice(0, move.land));
      if (culprit !== undefined) returned.push(culprit);
      queue = queue.filter((change) => !landed.includes(change) && change !== culprit);
      break;
    }
    expect(red(landed)).toBe(false);
  }
  return { landed, returned, verifications };
};

const subsets = (n: number): number[][] =>
  Array.from({ length: 2 ** n }, (_, bits) =>
    Array.from({ length: n }, (_, i) => i).filter((i) => (bits >> i) & 1),
  );

describe("a stack", () => {
  test.each([1, 2, 3, 5, 8, 13, 20])(
    "of %i green changes costs one verification for each full or begun batch",
    (k) => {
      for (let n = 1; n <= 40; n += 1) {
        const { landed, verifications } = merge(n, k, []);
        expect(landed).toHaveLength(n);
        expect(verifications).toBe(Math.ceil(n / k));
      }
    },
  );

  test("lands every good member and sends back every culprit, whichever of eight they are", () => {
    for (const culprits of subsets(8))
      for (const k of [1, 2, 3, 5, 8]) {
        const { landed, returned } = merge(
          8,
          k,
          culprits.map((c) => [c]),
        );
        expect(returned).toEqual(culprits);
        expect(landed).toHaveLength(8 - culprits.length);
      }
  });

  test("with one culprit among eight costs at most six verifications more", () => {
    for (let culprit = 0; culprit < 8; culprit += 1)
      for (const k of [1, 2, 3, 4, 5, 6, 7, 8]) {
        const { verifications } = merge(8, k, [[culprit]]);
        expect(verifications - Math.ceil(8 / k)).toBeLessThanOrEqual(6);
      }
  });

  test("never lands two changes that are red together only, and sends back one of them", () => {
    for (const k of [1, 2, 3, 5, 8])
      for (let a = 0; a < 8; a += 1)
        for (let b = a + 1; b < 8; b += 1)
          expect(merge(8, k, [[a, b]])).toMatchObject({ returned: [b] });
  });

  test("keeps apart what is red in pairs and threes, however they lie", () => {
    for (const first of subsets(6).filter((set) => set.length > 1))
      for (const second of subsets(6).filter((set) => set.length > 1)) {
        const { landed, returned } = merge(6, 4, [first, second]);
        expect(returned.length).toBeLessThanOrEqual(2);
        expect(landed.length + returned.length).toBe(6);
      }
  });
});

describe("a gate that is red by chance", () => {
  /** Every way the runs of one batch can come out, whatever the tree. */
  const walk = (size: number, runs: Run[], settled: (runs: Run[]) => void): void => {
    const move = nextMove(size, runs);
    if (move.move === "settle") settled(runs);
    else
      for (const green of [true, false])
        walk(size, [...runs, { prefix: move.prefix, green }], settled);
  };

  test("ends every bisection, sends back nobody whose prefix was ever green, and lands only what was", () => {
    for (let size = 1; size <= 8; size += 1)
      walk(size, [], (runs) => {
        const move = nextMove(size, runs);
        if (move.move !== "settle") throw new Error("not settled");
        const greens = runs.filter((run) => run.green).map((run) => run.prefix);
        expect(move.land).toBe(Math.max(0, ...greens));
        if (move.culprit === undefined) return expect(move.land).toBe(size);
        expect(move.culprit).toBe(move.land + 1);
        expect(runs.filter((run) => run.prefix === move.culprit)).toEqual([
          { prefix: move.culprit, green: false },
          { prefix: move.culprit, green: false },
        ]);
        expect(runs.length).toBeLessThanOrEqual(2 * size);
      });
  });

  test("is asked once more before anybody is blamed", () => {
    expect(nextMove(3, [{ prefix: 3, green: false }])).toEqual({
      move: "verify",
      prefix: 3,
      run: 2,
    });
  });
});

describe("a batch", () => {
  const plan = () =>
    new RunLog({ merge: { batch: 3 } }).plan(1, [
      task("old"),
      task("long"),
      task("mid", { blockedBy: ["long"] }),
      task("end", { blockedBy: ["mid"] }),
      task("late"),
      task("later"),
    ]);
  const names = (log: RunLog) => nextBatch(log.state).map((member) => member.task);

  test("holds the longest chain of work first, then the oldest, and no more than the setting says", () => {
    const log = plan().queue("old").queue("late").queue("long").queue("later");
    expect(names(log)).toEqual(["long", "old", "late"]);
    expect(nextBatch(log.state)[0]).toEqual({ task: "long", attempt: 1, change: oid("b") });
    expect(names(log.land("long"))).toEqual(["old", "late", "later"]);
  });

  test("is of at most five where a run says nothing", () => {
    const ids = ["a", "b", "c", "d", "e", "f"];
    const log = new RunLog().plan(
      1,
      ids.map((id) => task(id)),
    );
    for (const id of ids) log.queue(id);
    expect(names(log)).toEqual(ids.slice(0, 5));
  });

  test("never holds tasks that may change dependencies beside tasks that may not", () => {
    const log = new RunLog().plan(1, [
      task("plain"),
      task("adds", { permits: ["lockfile", "path:docs/**"] }),
      task("too", { permits: ["lockfile"] }),
    ]);
    log.queue("adds").queue("plain").queue("too");
    expect(names(log)).toEqual(["adds", "too"]);
  });

  test("begins with what did not merge onto an earlier stack", () => {
    const log = plan().queue("old").queue("late").queue("later").queue("long");
    const step = "run-1-long-stack-1-1";
    const thread = { kind: "landing", id: "long-1" } as const;
    const members = nextBatch(log.state);
    log.add({
      type: "step.requested",
      step,
      subject: "long",
      thread,
      input: { kind: "stack", members },
    });
    const left = [{ task: "late", attempt: 1, files: ["a.txt"] }];
    const stack = { tip: oid("a"), tipTree: oid("d"), members: [], left };
    log.add({ type: "step.finished", step, result: { kind: "stack", stack } });
    expect(names(log)).toEqual(["late", "long", "old"]);
  });

  test("is kept by its thread when that has finished, and by the log of a run", () => {
    const log = plan().queue("old");
    const members = nextBatch(log.state);
    log.add({ type: "thread.started", kind: "landing", id: "old-1", members });
    log.add({ type: "thread.finished", kind: "landing", id: "old-1" });
    expect(log.state.threads["landing/old-1"]).toEqual({
      kind: "landing",
      id: "old-1",
      finished: true,
      members,
    });
  });

  test("of one is how a landing is read that was asked for before there were batches", () => {
    const old = {
      kind: "land",
      change: oid("b"),
      merged: oid("c"),
      tip: oid("a"),
      receipt: "rc-1",
    };
    expect(StepInput.parse(old)).toEqual(old);
  });

  test("of nothing is empty", () => {
    expect(names(plan())).toEqual([]);
  });
});
