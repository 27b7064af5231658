import { exitCode, fromUsd, isEnded, type RunState } from "@headrace/domain";
import { expect, test } from "vitest";
import { played, playedLine } from "../support/played-line.ts";

const ended = (state: RunState) => isEnded(state.run.status) || state.run.status === "failed";
const CAP = fromUsd(1);

/** A line on which the coder of task `a` is refused its first call for want of the task's budget. */
const shortLine = () => {
  let refused = false;
  return playedLine({
    budgets: { task: CAP },
    play: ({ input, task }) => {
      if (refused || task !== "a" || input.kind !== "agent") return undefined;
      refused = true;
      return { kind: "budget", level: "task", cap: CAP, reason: "the task's budget is used" };
    },
  });
};

test("a task whose budget is used stands still while the others land, and then a client ends with 4", async () => {
  await using line = await shortLine();
  const run = await line.submit([
    played("a"),
    played("b"),
    played("c", { blockedBy: ["b"] }),
    played("d", { blockedBy: ["a"] }),
  ]);
  const state = await line.until(run, (now) => exitCode(now) !== undefined);
  expect(exitCode(state)).toBe(4);
  expect(state.run.status).toBe("active");
  const { a, b, c, d } = state.tasks;
  expect([a?.status, b?.status, c?.status, d?.status]).toEqual([
    ...["building", "landed", "landed", "blocked"],
  ]);
  expect(a?.parked).toMatchObject({ level: "task", budget: CAP });
  // nobody tries again, however often it is looked, and the factory may go to sleep
  await line.settled(run);
  const after = (await line.events(run)).slice(state.run.seq).map((event) => event.type);
  // what has landed is exported and booked
  const late = new Set(["export.finished", "spend.classed"]);
  expect(after.filter((type) => !late.has(type))).toEqual([]);
  expect(await line.idle()).toBe(true);
});

test("raising the budget of the task lets it go on where it was, to the end of the run", async () => {
  await using line = await shortLine();
  const run = await line.submit([played("a"), played("d", { blockedBy: ["a"] })]);
  const parked = await line.until(run, (now) => exitCode(now) === 4);
  await line.commands().raiseBudget(run, fromUsd(1), "a");
  const { run: row, tasks } = await line.until(run, ended);
  expect(row.status).toBe("complete");
  expect(tasks.a).toMatchObject({ status: "landed", attempts: parked.tasks.a?.attempts });
});

test("a parked task is found by the factory that comes next, and by nobody before its budget is raised", async () => {
  await using line = await shortLine();
  const run = await line.submit([played("a")]);
  await line.until(run, (now) => exitCode(now) === 4);
  await line.restart();
  await line.settled(run);
  expect(exitCode(await line.state(run))).toBe(4);
  await line.commands().raiseBudget(run, fromUsd(1), "a");
  expect((await line.until(run, ended)).run.status).toBe("complete");
});

test("a step that is deferred comes again at its time and not before, without an attempt or a loss", async () => {
  const seen: number[] = [];
  let until = "";
  await using line = await playedLine({
    play: ({ input }) => {
      if (input.kind !== "agent" || input.role !== "coder") return undefined;
      seen.push(Date.now());
      if (seen.length > 1) return undefined;
      until = new Date(Date.now() + 1_500).toISOString();
      return { kind: "retry", at: until, reason: "the provider says so" };
    },
  });
  const run = await line.submit([played("a")]);
  const { run: row, tasks, steps } = await line.until(run, ended);
  expect(row.status).toBe("complete");
  expect(seen).toHaveLength(2);
  expect(seen[1]).toBeGreaterThanOrEqual(Date.parse(until));
  expect(tasks.a?.attempts).toBe(1);
  expect(Object.values(steps).filter(({ lost }) => lost > 0)).toEqual([]);
  const deferred = (await line.events(run)).filter((e) => e.type === "step.deferred");
  expect(deferred).toMatchObject([{ until }]);
});

test("what is deferred is tried again at once when a person has acted", async () => {
  const late = new Date(Date.now() + 60 * 60_000).toISOString();
  let asked = 0;
  await using line = await playedLine({
    play: ({ input }) =>
      input.kind === "agent" && input.role === "coder" && asked++ === 0
        ? { kind: "retry", at: late, reason: "the day's budget is used" }
        : undefined,
  });
  const run = await line.submit([played("a")]);
  await line.until(run, ({ steps }) => Object.values(steps).some((step) => step.deferred));
  await line.commands().resume(run);
  expect((await line.until(run, ended)).run.status).toBe("complete");
});
