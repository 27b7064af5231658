import {
  branchRef,
  InfrastructureError,
  integrationBranch,
  isEnded,
  Policy,
  type RunState,
  type StoredEvent,
  threadId,
} from "@headrace/domain";
import { expect, test } from "vitest";
import { git } from "../support/git.ts";
import { played, playedLine } from "../support/played-line.ts";

const TASKS = [played("a"), played("b"), played("c", { blockedBy: ["a", "b"] })];
const ended = (state: RunState) => isEnded(state.run.status) || state.run.status === "failed";
const typesAfter = (events: readonly StoredEvent[], type: StoredEvent["type"]) =>
  events.slice(events.findIndex((e) => e.type === type) + 1).map((e) => e.type);

test("a run goes from its submission to its end, and its log with it", async () => {
  await using line = await playedLine();
  const run = await line.submit(TASKS);
  const { run: row, tasks, steps } = await line.until(run, ended);
  expect(row).toMatchObject({ status: "complete" });
  expect(Object.values(steps).filter((step) => step.dispatch !== 1)).toEqual([]);
  expect(Object.values(tasks).map((t) => t.status)).toEqual(["landed", "landed", "landed"]);
  const events = await line.events(run);
  expect(events.filter((e) => e.type === "merge.landed")).toHaveLength(3);
  expect(typesAfter(events, "run.completed").filter((type) => !TRUTHS.has(type))).toEqual([]);
});

/** Rows that tell money and git as they are, whatever has become of the run. */
const TRUTHS: ReadonlySet<StoredEvent["type"]> = new Set([
  "model.called",
  "export.finished",
  "merge.landed",
  "spend.classed",
  "log.signed",
]);

test("a run that is cancelled at any point gains nothing more but what is true already", async () => {
  await using line = await playedLine();
  for (let at = 6; at < 90; at += 12) {
    const run = await line.submit(TASKS);
    await line.until(run, ({ run: { seq } }) => seq >= at);
    const { status } = (await line.state(run)).run;
    if (isEnded(status)) break;
    await line.commands().cancel(run, "enough");
    await line.settled(run);
    const events = await line.events(run);
    const after = typesAfter(events, "run.cancelled");
    const landings = after.filter((type) => type === "merge.landed");
    const finished = after.filter((type) => type === "step.finished");
    expect(finished).toHaveLength(landings.length);
    expect(after.filter((t) => !TRUTHS.has(t) && t !== "step.finished")).toEqual([]);
    const { run: row } = await line.state(run);
    const tip = git(line.bare, "rev-parse", branchRef(integrationBranch(run)));
    expect(row.tip).toBe(tip);
  }
});

test("a run that is paused and resumed at every event comes to its end", async () => {
  await using line = await playedLine();
  const run = await line.submit(TASKS);
  let pauses = 0;
  const stop = line.store.onCommit((_, events) => {
    if (events.some((e) => /^(?:run|export|log|step\.dispatched)/.test(e.type))) return;
    pauses++;
    const { pause, resume } = line.commands();
    void pause(run, "a moment")
      .then(() => resume(run))
      .catch(() => undefined);
  });
  const { run: row } = await line.until(run, ended);
  stop();
  expect(row.status).toBe("complete");
  expect(pauses).toBeGreaterThan(20);
});

test("a factory that goes away at any point, queue and checkpoints with it, goes on where it was", async () => {
  await using line = await playedLine();
  for (let at = 3; at < 40; at += 6) {
    const run = await line.submit(TASKS.slice(0, 1));
    await line.until(run, ({ run: { seq } }) => seq >= at);
    for (const { kind, id } of Object.values((await line.state(run)).threads))
      await line.checkpoints.deleteThread(threadId({ run, kind, id }));
    await line.restart();
    const { run: row } = await line.until(run, ended);
    expect(row).toMatchObject({ status: "complete" });
    const events = await line.events(run);
    expect(events.filter((e) => e.type === "merge.landed")).toHaveLength(1);
  }
});

test("wake-ups that are lost cost a moment", async () => {
  let wakes = 0;
  await using line = await playedLine({
    threads: (real) => ({
      ...real,
      wake: async (thread) => (wakes++ % 7 === 1 ? "parked" : real.wake(thread)),
    }),
  });
  const run = await line.submit(TASKS);
  expect((await line.until(run, ended)).run.status).toBe("complete");
});

test("a run in which nothing is under way ends with a reason, and resuming it tries again", async () => {
  let stuck = true;
  await using line = await playedLine({
    threads: (real) => ({
      ...real,
      wake: async (thread) => (stuck && thread.kind === "landing" ? "parked" : real.wake(thread)),
    }),
  });
  const run = await line.submit(TASKS);
  const { run: row } = await line.until(run, ended);
  expect(row.status).toBe("failed");
  expect(row.reasons.join()).toMatch(
    /nothing is under way.*landing a-1 is open|landing b-1 is open/,
  );
  stuck = false;
  await line.commands().resume(run);
  expect((await line.until(run, ended)).run.status).toBe("complete");
});

test("a queue that is away now and then costs a moment", async () => {
  let calls = 0;
  const away = () => {
    if (calls++ % 3 === 0) throw new InfrastructureError("Redis is away");
  };
  await using line = await playedLine({
    queue: (real) => ({
      add: async (...job) => {
        away();
        await real.add(...job);
      },
      present: async (ids) => {
        away();
        return real.present(ids);
      },
      consume: (lane, n, handler) => real.consume(lane, n, handler),
      close: () => real.close(),
    }),
  });
  const run = await line.submit(TASKS);
  expect((await line.until(run, ended)).run.status).toBe("complete");
});

test("a graph that throws fails the run with a reason, and resuming runs the node again", async () => {
  let broken = true;
  await using line = await playedLine({
    threads: (real) => ({
      ...real,
      wake: async (thread) => {
        if (broken && thread.kind === "task") throw new Error("a defect");
        return real.wake(thread);
      },
    }),
  });
  const run = await line.submit(TASKS);
  const { run: row } = await line.until(run, ended);
  expect(row).toMatchObject({ status: "failed", reasons: ["task a: a defect"] });
  broken = false;
  await line.commands().resume(run);
  expect((await line.until(run, ended)).run.status).toBe("complete");
});

test.each(["paused", "failed", "cancelled"] as const)(
  "behind a run that is %s, the next one waits or starts, and the factory knows which",
  async (how) => {
    const at = new Date(Date.now() + 3_600_000).toISOString();
    await using line = await playedLine({ play: () => ({ kind: "retry", at, reason: "later" }) });
    const first = await line.submit(TASKS);
    const { repo, base } = (await line.state(first)).run;
    const next = await line.submit(TASKS, { repo, base });
    if (how === "paused") await line.commands().pause(first, "a moment");
    else if (how === "cancelled") await line.commands().cancel(first, "enough");
    else await line.store.append(first, [{ type: "run.failed", reason: "a defect" }]);
    await line.settled(next);
    const { status } = (await line.state(next)).run;
    expect([status, await line.idle()]).toEqual(
      how === "cancelled" ? ["active", false] : ["queued", true],
    );
  },
);

test("a gate that came with work landed meanwhile is asked of the merge, not of an older tree", async () => {
  let landed = (): void => undefined;
  const first = new Promise<void>((resolve) => {
    landed = resolve;
  });
  await using line = await playedLine({
    async play({ input, subject }) {
      if (input.kind === "agent" && input.role === "coder" && subject === "b") await first;
      return undefined;
    },
  });
  const gate = (name: string, from: string) => ({ name, run: "true", from });
  const policy = Policy.parse({
    gates: [gate("of-a", "a"), gate("of-b", "b")],
    setup: [],
    protected: [],
    from: { gates: "file", setup: "file" },
  });
  const run = await line.submit(TASKS.slice(0, 2), { policy });
  await line.until(run, (s) => s.tasks.a?.status === "landed");
  landed();
  const { steps } = await line.until(run, ended);
  const gates = (step: string) => {
    const input = steps[`${run}-b-${step}`]?.input;
    return input?.kind === "verify" ? input.gates : undefined;
  };
  expect(gates("verify-1")).toEqual(["of-b"]);
  expect(gates("verify-landing-1-1")).toEqual(["of-a", "of-b"]);
});

test("a refusal of a budget that was raised since stops nothing", async () => {
  let raised = false;
  await using line = await playedLine({
    async play({ fence, input }) {
      if (raised || input.kind !== "agent") return undefined;
      raised = true;
      const { budget } = (await line.state(fence.run)).run;
      await line.commands().raiseBudget(fence.run, budget);
      return { kind: "budget", reason: "the next call did not fit", cap: budget };
    },
  });
  const run = await line.submit(TASKS.slice(0, 1));
  expect((await line.until(run, ended)).run.status).toBe("complete");
  expect((await line.events(run)).filter((e) => e.type === "budget.stopped")).toEqual([]);
});

test("a queued run that is paused and resumed keeps its place", async () => {
  const at = new Date(Date.now() + 3_600_000).toISOString();
  await using line = await playedLine({ play: () => ({ kind: "retry", at, reason: "later" }) });
  const first = await line.submit(TASKS);
  const { repo, base } = (await line.state(first)).run;
  const next = await line.submit(TASKS, { repo, base });
  await line.commands().pause(next, "not yet");
  await line.commands().resume(next);
  expect((await line.state(next)).run.status).toBe("queued");
  await line.commands().cancel(first, "enough");
  await line.until(next, (s) => s.run.status === "active");
});

test("a researcher's question is asked, and the coder goes on with its answer", async () => {
  await using line = await playedLine({
    play: ({ input }) =>
      input.kind === "agent" && input.role === "researcher"
        ? {
            kind: "done",
            result: {
              kind: "agent",
              result: { end: "blocked", reason: "the spec is silent", question: "Tabs?" },
            },
          }
        : undefined,
  });
  const run = await line.submit([played("a", { research: "How is it indented?" })]);
  const { questions } = await line.until(run, (s) => s.questions["a-q0"] !== undefined);
  expect(questions["a-q0"]).toMatchObject({ task: "a", text: "Tabs?" });
  await line.commands().answer(run, "a-q0", "Spaces.");
  const { run: row, steps } = await line.until(run, ended);
  expect(row.status).toBe("complete");
  expect(steps[`${run}-a-code-1`]?.input).toMatchObject({
    brief: { answers: [{ question: "Tabs?", answer: "Spaces." }] },
  });
});
