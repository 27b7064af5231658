import { exitCode, type RunState } from "@headrace/domain";
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import type { RunPlan, TestRun } from "../support/factory-run.ts";
import {
  accepts,
  approves,
  blocked,
  codes,
  codesSlowly,
  plans,
  rejects,
  task,
} from "../support/script.ts";
import { expectSound, repliesOf } from "../support/soundness.ts";

const WHOLE = "every part is in its place\n";
const pair = ["left", "right"];
const dropParts = (id: string) => ({
  role: "coder",
  task: id,
  attempt: 2,
  turns: [
    {
      calls: [
        { bash: { command: "rm parts/*" } },
        { write: { path: "pair.txt", content: "left and right\n" } },
        { submit_change: { summary: "one file instead of two parts" } },
      ],
    },
  ],
});

/**
 * One run through everything that can send work back: a criticised plan, a red gate, a question, a semantic conflict,
 * a task given up, and a second plan version.
 */
const tasks = [
  task("first"),
  task("left", { blockedBy: ["first"] }),
  task("right", { blockedBy: ["first"] }),
  task("never", { blockedBy: ["left", "right"] }),
];
const ODYSSEY: RunPlan = {
  files: {
    "checks/one.sh":
      'test "$(ls parts 2>/dev/null | wc -l)" -le 1 || { echo two parts; exit 1; }\n',
  },
  script: [
    plans({ summary: "First try.", tasks: [task("first")] }),
    rejects("plan", { severity: "high", file: "plan", problem: "split it" }),
    plans({ summary: "Second try.", tasks }, { conversation: 2, contains: "split it" }),
    codes("first", { "first.txt": "1\n", "checks/x.sh": "exit 1\n" }),
    codes("first", { "checks/x.sh": "exit 0\n" }, { attempt: 2 }),
    approves("first", { attempt: 2 }),
    codes("left", { "parts/left.txt": "left\n" }),
    blocked("right", { reason: "unclear", question: "Which side?" }),
    codes("right", { "parts/right.txt": "right\n" }, { conversation: 2 }),
    ...pair.flatMap((id) => [approves(id), dropParts(id), approves(id, { attempt: 2 })]),
    blocked("never", { reason: "it cannot be done" }),
    plans({ summary: "Mended.", tasks: [task("mended")] }, { attempt: 2 }),
    approves("plan", { attempt: 2 }),
    codes("mended", { "whole.txt": WHOLE }),
    approves("mended"),
    accepts({ r1: { file: "whole.txt", quote: WHOLE.trim() } }, 2),
  ],
};

/** Lets the run travel to its end, answering its question; what it came to, in terms that chance cannot change. */
const travel = async (factory: TestFactory, run: TestRun) => {
  const asked = await run.until("the question", (s) => Object.keys(s.questions).length > 0);
  const [question] = Object.keys(asked.questions);
  await factory.control.answer(run.id, question ?? "", "The right one.");
  await run.until("the end", (s) => s.run.endedAt !== undefined);
  await run.settled();
  const state = await expectSound(run);
  const landings = run.landings();
  return {
    exit: exitCode(state),
    // which of the pair lands first is nobody's business
    trees: landings.map((l) => l.tree).toSpliced(1, 1),
    pair: pair.map((id) => state.tasks[id]?.returns).sort(),
    tasks: Object.values(state.tasks).map((t) => `${t.id} ${t.status}`),
    attempts: attemptsOf(state),
    replies: (await repliesOf(run)).length,
  };
};

const attemptsOf = (state: RunState): number[] =>
  Object.values(state.tasks)
    .map((t) => t.attempts)
    .sort();

/** Where every one of these journeys ends, whatever is taken away on the way. */
const END = {
  exit: 0,
  pair: [0, 1],
  trees: [
    "b709e18571f897349c1d5d0facd42a36b51465b1",
    "d1d4d6fd1735bcaa955ee059d73aebc3ee90737f",
    "e27bda279761c3f1702b8f12946b92a9c19e8229",
  ],
  tasks: ["first landed", "left landed", "right landed", "never quarantined", "mended landed"],
  attempts: [1, 1, 1, 2, 2],
  replies: 19,
};

describe.concurrent("a run", () => {
  test("ends the same when every checkpoint is deleted after every fifth event", async () => {
    await using factory = await openTestFactory();
    const run = await factory.start(ODYSSEY);
    const saver = await factory.store.checkpoints();
    let deleted = 0;
    factory.store.onCommit((_, events) => {
      if (!events.some((e) => e.seq % 5 === 0)) return;
      deleted += 1;
      void saver.deleteAllCheckpoints();
    });
    expect(await travel(factory, run)).toEqual(END);
    expect(deleted).toBeGreaterThan(20);
    await expectToldOnce(run);
  });

  test("ends the same when every job is delivered twice and every wake-up comes twice", async () => {
    let deliveries = 0;
    await using factory = await openTestFactory({
      between: {
        queue: (queue) => ({
          add: async (job, delayMs) => {
            await queue.add(job, delayMs);
            await queue.add({ ...job, id: `${job.id}-again` }, delayMs);
          },
          present: (ids) => queue.present(ids),
          consume: (lane, concurrency, handler) =>
            queue.consume(lane, concurrency, async (job, signal) => {
              deliveries += 1;
              const [first] = await Promise.all([handler(job, signal), handler(job, signal)]);
              return first;
            }),
          close: () => queue.close(),
        }),
        threads: (threads) => ({
          async wake(thread) {
            await threads.wake(thread);
            return threads.wake(thread);
          },
          draw: (kind) => threads.draw(kind),
        }),
      },
    });
    const run = await factory.start(ODYSSEY);
    expect(await travel(factory, run)).toEqual(END);
    expect(deliveries).toBeGreaterThan(40);
    await expectToldOnce(run);
  });

  test("lands every task once when Redis is emptied at every request and every call", async () => {
    await using factory = await openTestFactory();
    const redis = new Redis(factory.redis.url);
    const run = await factory.start({
      tasks: [task("slow"), task("quick"), task("last", { blockedBy: ["slow", "quick"] })],
      script: [
        codesSlowly("slow", { "slow.txt": "slow\n" }, 1_000),
        codes("quick", { "quick.txt": "quick\n" }),
        codes("last", { "whole.txt": WHOLE }),
        ...["slow", "quick", "last"].map((id) => approves(id)),
        accepts({ r1: { file: "whole.txt", quote: WHOLE.trim() } }),
      ],
    });
    let flushed = 0;
    factory.store.onCommit((_, events) => {
      if (!events.some((e) => e.type === "model.called" || e.type === "step.requested")) return;
      flushed += 1;
      void redis.flushall();
    });
    await run.settled();
    redis.disconnect();
    const state = await expectSound(run);
    expect(state.run.status).toBe("complete");
    expect(Object.values(state.tasks).map((t) => t.attempts)).toEqual([1, 1, 1]);
    expect(flushed).toBeGreaterThan(20);
  });
});

/** Nothing that graphs tell is told twice. */
const expectToldOnce = async (run: TestRun): Promise<void> => {
  const told = (await run.events())
    .filter((e) => /^(?:attempt|task|plan|review|merge|acceptance|question|run)\./.test(e.type))
    .map(({ seq: _seq, at: _at, prev: _prev, hash: _hash, ...body }) => JSON.stringify(body));
  expect(told).toEqual([...new Set(told)]);
};
