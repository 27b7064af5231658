import { expect, test } from "vitest";
import { oid, taskInput } from "../run-log-fixture.ts";
import type { ClassedCall } from "../spend.ts";
import { NO_USAGE } from "../usage.ts";
import { classifyCalls } from "./classify.ts";
import { type Conversation, SpentRun, TEN_A_TOKEN } from "./spend-fixture.ts";
import type { Shares } from "./surviving.ts";

const classify = (run: SpentRun, shares: Record<string, Shares> = {}): ClassedCall[] =>
  classifyCalls({
    state: run.state,
    calls: run.calls,
    shares: new Map(Object.entries(shares)),
    prices: TEN_A_TOKEN,
  });

/** The parts of the only call of a run. */
const only = (run: SpentRun, shares: Record<string, Shares> = {}) =>
  classify(run, shares)[0]?.parts;

const all = (part: object) => [{ ...part, amount: 1_000 }];
const overhead = (kind: string) => all({ as: "overhead", kind });
const waste = (kind: string) => all({ as: "waste", kind });

const planned = (...tasks: string[]) =>
  new SpentRun().plan(
    1,
    tasks.map((id) => taskInput(id)),
  ) as SpentRun;

/** One call of one conversation in a task, which then ends as told. */
const inTask = (over: Partial<Conversation>, end: (run: SpentRun) => unknown) => {
  const run = planned("one");
  run.start("one");
  run.call(run.converse({ step: "code-1", role: "coder", task: "one", end: "submitted", ...over }));
  end(run);
  return run;
};
const lands = (run: SpentRun) => run.merging("one", 1).landing("one");
const quarantined = (run: SpentRun) => run.quarantine("one");
const dropped = (run: SpentRun) => run.plan(2, [taskInput("two")]);
const SURVIVES = { one: new Map([[1, { survived: 3, of: 4 }]]) };

test("a call without a usable reply is a failed call, whatever became of its task", () => {
  const run = planned("one");
  run.start("one");
  const step = run.converse({ step: "code-1", role: "coder", task: "one", end: "submitted" });
  run.call(step, { replied: false, state: "estimated" });
  run.call(step, { replied: false, state: "settled" });
  lands(run);
  expect(classify(run, SURVIVES).map(({ parts }) => parts)).toEqual([
    waste("failed_call"),
    waste("failed_call"),
  ]);
});

test("what was released cost nothing, what is open is not settled: neither is classed", () => {
  const run = planned("one");
  run.start("one");
  const step = run.converse({ step: "code-1", role: "coder", task: "one", end: "submitted" });
  run.call(step, { state: "released", cost: 0 });
  run.call(step, { state: "open", cost: 0 });
  expect(classify(lands(run) as SpentRun)).toEqual([]);
});

test.each([
  ["a coder's", { role: "coder" }],
  ["a reviewer's", { role: "reviewer", step: "review-1" }],
  ["a researcher's", { role: "researcher", step: "research" }],
] as const)("%s conversation that ended with a question is clarification", (_, conversation) => {
  expect(only(inTask({ ...conversation, end: "question" }, lands), SURVIVES)).toEqual(
    overhead("clarification"),
  );
});

test.each(["reviewer", "researcher"] as const)(
  "a %s that ran into a limit was a runaway",
  (role) => {
    expect(only(inTask({ role, step: "look", end: "limit" }, lands))).toEqual(waste("runaway"));
  },
);

test("a coder that ran into a limit is converted as far as its work landed, the rest a runaway", () => {
  expect(only(inTask({ end: "limit" }, lands), SURVIVES)).toEqual([
    { as: "converted", commit: oid("c"), amount: 750 },
    { as: "waste", kind: "runaway", amount: 250 },
  ]);
  expect(only(inTask({ end: "limit" }, quarantined))).toEqual(waste("runaway"));
});

test("where a prompt that nobody takes ends a conversation, what was refused failed and what came before is a runaway", () => {
  const run = planned("one");
  run.start("one");
  const step = run.converse({ step: "code-1", role: "coder", task: "one", end: "limit" });
  run.call(step);
  run.call(step, { replied: false });
  quarantined(run);
  expect(classify(run).map(({ parts }) => parts)).toEqual([waste("runaway"), waste("failed_call")]);
});

test("planner and critique of the accepted plan are planning", () => {
  const run = new SpentRun();
  run.call(
    run.converse({ thread: "plan", step: "propose-1-1", role: "planner", end: "submitted" }),
  );
  run.call(
    run.converse({ thread: "plan", step: "critique-1-1", role: "reviewer", end: "submitted" }),
  );
  expect(classify(run)).toEqual([]);
  run.plan(1, [taskInput("one")]);
  expect(classify(run).map(({ parts }) => parts)).toEqual([
    overhead("planning"),
    overhead("planning"),
  ]);
  run.plan(2, [taskInput("one")]);
  expect(classify(run)).toHaveLength(2);
  expect(only(run)).toEqual(overhead("planning"));
});

test("a plan that was never accepted is superseded by the one that was, or abandoned with its run", () => {
  const run = new SpentRun();
  run.call(
    run.converse({ thread: "plan", step: "propose-1-1", role: "planner", end: "submitted" }),
  );
  run.add({ type: "plan.rejected", version: 1, round: 1, reasons: ["no"] });
  expect(classify(run)).toEqual([]);
  const given = new SpentRun();
  given.calls.push(...run.calls);
  given.converse({ thread: "plan", step: "propose-1-1", role: "planner", end: "submitted" });
  given.plan(2, [taskInput("one")]);
  expect(only(given)).toEqual(waste("superseded"));
  run.add({ type: "run.incomplete", reasons: ["no plan was accepted"] });
  expect(only(run)).toEqual(waste("abandoned"));
});

test("a task's research is planning, and its review is review, also where it was given up", () => {
  for (const end of [lands, quarantined]) {
    expect(only(inTask({ role: "researcher", step: "research" }, end))).toEqual(
      overhead("planning"),
    );
    expect(only(inTask({ role: "reviewer", step: "review-1" }, end))).toEqual(overhead("review"));
  }
});

test("acceptance is verification, once the run has ended", () => {
  const run = planned("one");
  run.call(run.converse({ thread: "run", step: "accept-1", role: "reviewer", end: "submitted" }));
  expect(classify(run)).toEqual([]);
  run.add({ type: "run.completed" });
  expect(only(run)).toEqual(overhead("verification"));
});

test("the merger is conflict work", () => {
  const run = inTask({ thread: "landing", role: "merger", step: "resolve-1-1" }, lands);
  expect(only(run)).toEqual(waste("conflict_redo"));
});

test("an attempt is abandoned with its task or its run, and superseded by a plan without its task", () => {
  expect(only(inTask({}, quarantined))).toEqual(waste("abandoned"));
  expect(only(inTask({}, dropped))).toEqual(waste("superseded"));
  expect(only(inTask({ end: "blocked" }, quarantined))).toEqual(waste("abandoned"));
  const cancel = (run: SpentRun) => run.add({ type: "run.cancelled", reason: "enough" });
  const { step } = { step: "code-1" };
  const going = planned("one");
  going.start("one");
  going.call(going.converse({ step, role: "coder", task: "one" }));
  expect(classify(going)).toEqual([]);
  cancel(going);
  expect(only(going)).toEqual(waste("abandoned"));
});

test("an attempt of a landed task is converted by its surviving lines, and the rest was rejected", () => {
  const run = inTask({}, (one) => one.prepare("one", 2));
  run.call(
    run.converse({ step: "code-2", role: "coder", task: "one", attempt: 2, end: "submitted" }),
  );
  expect(classify(run)).toEqual([]);
  run.merging("one", 2).landing("one");
  const shares = new Map([
    [1, { survived: 1, of: 3 }],
    [2, { survived: 2, of: 2 }],
  ]);
  expect(classify(run, { one: shares }).map(({ parts }) => parts)).toEqual([
    [
      { as: "converted", commit: oid("c"), amount: 333 },
      { as: "waste", kind: "rejected", amount: 667 },
    ],
    all({ as: "converted", commit: oid("c") }),
  ]);
});

test("an attempt that changed no line has landed where it is the one that did", () => {
  expect(only(inTask({}, lands), { one: new Map([[1, { survived: 0, of: 0 }]]) })).toEqual(
    all({ as: "converted", commit: oid("c") }),
  );
  const run = inTask({}, (one) => one.prepare("one", 2).merging("one", 2).landing("one"));
  expect(only(run)).toEqual(waste("rejected"));
});

test("after an approved attempt came back, the next one only makes it fit: conflict work, what the first lost too", () => {
  const run = inTask({}, (one) => one.merging("one", 1));
  run.add({ type: "task.returned", reason: "red after merging" }, { task: "one" });
  run.prepare("one", 2);
  run.call(
    run.converse({ step: "code-2", role: "coder", task: "one", attempt: 2, end: "submitted" }),
  );
  run.merging("one", 2).landing("one");
  const shares = new Map([
    [1, { survived: 9, of: 10 }],
    [2, { survived: 1, of: 1 }],
  ]);
  expect(classify(run, { one: shares }).map(({ parts }) => parts)).toEqual([
    [
      { as: "converted", commit: oid("c"), amount: 900 },
      { as: "waste", kind: "conflict_redo", amount: 100 },
    ],
    waste("conflict_redo"),
  ]);
});

test("in a log from before batches a landing is known by the name of its only member, and no other's", () => {
  const run = planned("one", "one-two");
  run.start("one");
  run.add({ type: "thread.started", kind: "landing", id: "one-two-1" });
  const second = { step: "code-2", role: "coder", task: "one", attempt: 2 } as const;
  run.prepare("one", 2);
  run.call(run.converse({ ...second, end: "submitted" }));
  run.prepare("one", 3);
  run.call(run.converse({ ...second, step: "code-3", attempt: 3, end: "submitted" }));
  run.add({ type: "thread.started", kind: "landing", id: "one-2" });
  run.add({ type: "task.queued", change: oid("b") }, { task: "one", attempt: 3 });
  run.landing("one");
  expect(classify(run).map(({ parts }) => parts)).toEqual([
    waste("conflict_redo"),
    waste("conflict_redo"),
  ]);
  expect(only(run, { one: new Map([[2, { survived: 1, of: 1 }]]) })).toEqual(
    all({ as: "converted", commit: oid("c") }),
  );
});

test("work that is done anew after a conflict is converted, and the one it replaces was lost to the conflict", () => {
  const run = inTask({}, (one) => one.merging("one", 1));
  run.add({ type: "task.returned", reason: "conflict", rung: "rewrite" }, { task: "one" });
  // no step prepares it: it does not go on from the work before it
  run.call(
    run.converse({ step: "code-2", role: "coder", task: "one", attempt: 2, end: "submitted" }),
  );
  run.merging("one", 2).landing("one");
  const shares = new Map([
    [1, { survived: 0, of: 10 }],
    [2, { survived: 10, of: 10 }],
  ]);
  expect(classify(run, { one: shares }).map(({ parts }) => parts)).toEqual([
    waste("conflict_redo"),
    all({ as: "converted", commit: oid("c") }),
  ]);
});

test("a call that cost nothing is classed all the same", () => {
  const run = planned("one");
  run.start("one");
  const step = run.converse({ step: "code-1", role: "coder", task: "one", end: "submitted" });
  run.call(step, { cost: 0, model: "unpriced" });
  lands(run);
  expect(only(run, SURVIVES)).toEqual([{ as: "converted", commit: oid("c"), amount: 0 }]);
});

const usage = (over: object) => ({ ...NO_USAGE, ...over });
const T = (seconds: number) => new Date(Date.UTC(2026, 10, 21, 12, 0, seconds)).toISOString();

/** Two calls of one conversation: the first leaves 100 tokens in the cache. */
const twoTurns = (second: Parameters<SpentRun["call"]>[1], first: typeof second = {}) => {
  const run = planned("one");
  run.start("one");
  const step = run.converse({ step: "code-1", role: "coder", task: "one", end: "submitted" });
  const left = usage({ cacheRead: 40, cacheWrite5m: 60 });
  run.call(step, { at: T(0), cost: 760, usage: left, ...first });
  run.call(step, { at: T(299), ...second });
  lands(run);
  return classify(run, SURVIVES)[1]?.parts;
};
const missed = (amount: number) => ({ as: "waste", kind: "cache_miss", amount });

test("what a warm prefix cost above reading it is a cache miss, the rest of the call as ever", () => {
  // 70 of 100 tokens were not read: 50 written for 12, 20 sent for 10, where reading costs 1
  const cold = usage({ cacheRead: 30, cacheWrite5m: 50, input: 200 });
  expect(twoTurns({ usage: cold, cost: 2_630 })).toEqual([
    { as: "converted", commit: oid("c"), amount: 1_425 },
    { as: "waste", kind: "conflict_redo", amount: 475 },
    missed(50 * 11 + 20 * 9),
  ]);
});

test("no cache is missed that was read, cold, another model's, unpriced or only estimated", () => {
  const cold = { usage: usage({ cacheWrite5m: 100 }), cost: 1_200 };
  expect(twoTurns(cold)).toContainEqual(missed(1_100));
  const kinds = (parts: unknown) => JSON.stringify(parts);
  for (const parts of [
    twoTurns({ usage: usage({ cacheRead: 100, input: 110 }), cost: 1_200 }),
    twoTurns({ ...cold, at: T(301) }),
    twoTurns(cold, { model: "other" }),
    twoTurns(cold, { provider: "other" }),
    twoTurns({ ...cold, model: "unpriced" }, { model: "unpriced" }),
    twoTurns({ ...cold, state: "estimated" }),
    twoTurns(cold, { replied: false }),
  ])
    expect(kinds(parts)).not.toContain("cache_miss");
});
