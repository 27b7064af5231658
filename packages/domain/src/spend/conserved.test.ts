import {
  type Arbitrary,
  array,
  assert,
  boolean,
  constantFrom,
  integer,
  nat,
  option,
  property,
  record,
} from "fast-check";
import { expect, test } from "vitest";
import { taskInput } from "../run-log-fixture.ts";
import type { ClassedCall } from "../spend.ts";
import { NO_USAGE } from "../usage.ts";
import { classifyCalls } from "./classify.ts";
import { type Conversation, SpentRun, TEN_A_TOKEN } from "./spend-fixture.ts";
import { type SpentCall, spentCalls, sumByKind, sumKinds, sumSpend } from "./sums.ts";

const TASKS = ["one", "two", "three"];
const count = nat(5_000);
const usage = record({
  ...{ input: count, cacheWrite5m: count, cacheWrite1h: count, cacheRead: count, output: count },
});
const call = record({
  usage: option(usage, { nil: undefined }),
  state: constantFrom("open", "settled", "settled", "estimated", "released"),
  replied: boolean(),
  work: option(nat(1_000_000), { nil: undefined }),
  extra: nat(3),
});
const conversation = record({
  role: constantFrom("planner", "researcher", "coder", "reviewer", "merger"),
  thread: constantFrom("plan", "run", "task", "landing"),
  task: constantFrom(...TASKS),
  attempt: integer({ min: 1, max: 3 }),
  end: constantFrom(undefined, "submitted", "question", "blocked", "limit"),
  calls: array(call, { maxLength: 4 }),
});
const fate = constantFrom("goes on", "lands", "quarantined");
const history = record({
  conversations: array(conversation, { maxLength: 12 }),
  fates: array(fate, { minLength: 3, maxLength: 3 }),
  shares: array(record({ survived: nat(5), lost: nat(5) }), { minLength: 9, maxLength: 9 }),
  end: constantFrom(undefined, "run.completed", "run.cancelled"),
});
type History = typeof history extends Arbitrary<infer One> ? One : never;

const played = ({ conversations, fates, shares, end }: History) => {
  const run = new SpentRun();
  run.plan(
    1,
    TASKS.map((id) => taskInput(id)),
  );
  for (const task of TASKS) run.start(task);
  for (const [at, { calls, thread, task, end: how, ...rest }] of conversations.entries()) {
    const owned = thread === "task" || thread === "landing" ? { task } : {};
    const ended = how === undefined ? {} : { end: how };
    const told: Conversation = { step: `step-${at}`, thread, ...rest, ...owned, ...ended };
    const step = run.converse(told);
    for (const { extra, usage: used = NO_USAGE, state, work, replied } of calls) {
      const paid =
        state === "open" || state === "released" ? 0 : (TEN_A_TOKEN.cost("m", used) ?? 0);
      const known = work === undefined ? {} : { work };
      run.call(step, {
        state,
        replied,
        usage: used,
        cost: paid + (paid > 0 ? extra : 0),
        ...known,
      });
    }
  }
  const stages = [run.state];
  for (const [at, task] of TASKS.entries()) {
    if (fates[at] === "lands") run.merging(task, 1 + (at % 3)).landing(task);
    if (fates[at] === "quarantined") run.quarantine(task);
    stages.push(run.state);
  }
  if (end === "run.completed") run.add({ type: end });
  if (end === "run.cancelled") run.add({ type: end, reason: "enough" });
  stages.push(run.state);
  const shareOf = (task: number, attempt: number) => {
    const { survived = 0, lost = 0 } = shares[task * 3 + attempt - 1] ?? {};
    return { survived, of: survived + lost };
  };
  const attempts = [1, 2, 3];
  const known = new Map(
    TASKS.map((task, at) => [task, new Map(attempts.map((n) => [n, shareOf(at, n)]))]),
  );
  return { run, stages, shares: known };
};

const inKinds = (spent: SpentCall[]) =>
  sumByKind(spent).reduce((sum, { amount }) => sum + amount, 0);

const expectConserved = (spent: SpentCall[]) => {
  const sum = sumSpend(spent);
  const parts = sum.converted + sumKinds(sum.overhead) + sumKinds(sum.waste) + sum.inFlight;
  expect(parts).toBe(sum.settled);
  expect(inKinds(spent)).toBe(sum.settled);
  expect(sumByKind(spent).reduce((all, { work }) => all + work, 0)).toBe(sum.work);
};

test("settled is converted, overhead, waste and in flight, of every task and all together, at every point of a run", () => {
  return assert(
    property(history, (given) => {
      const { run, stages, shares } = played(given);
      const { calls } = run;
      let classed: ClassedCall[] = [];
      for (const state of stages) {
        const now = classifyCalls({ state, calls, shares, prices: TEN_A_TOKEN });
        const known = new Map(now.map(({ call: id, parts }) => [id, parts]));
        // nothing that was classed before is classed otherwise now
        for (const { call: id, parts } of classed) expect(known.get(id)).toEqual(parts);
        classed = now;
        const spent = spentCalls({ state, calls, classed });
        expectConserved(spent);
        for (const task of TASKS) expectConserved(spent.filter(({ subject }) => subject === task));
        const settled = calls.reduce((sum, { cost }) => sum + cost, 0);
        expect(sumSpend(spent).settled).toBe(settled);
        if (state.run.endedAt !== undefined) expect(sumSpend(spent).inFlight).toBe(0);
      }
    }),
  );
});
