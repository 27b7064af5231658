import { exitCode, fromUsd, isEnded, type RunState, UserError } from "@headrace/domain";
import { expect, test } from "vitest";
import { played, playedLine } from "../support/played-line.ts";

const over = (state: RunState) => isEnded(state.run.status) || state.run.status === "failed";
const held = (state: RunState) => exitCode(state) === 5;
const TASKS = [played("a"), played("b", { blockedBy: ["a"] })];

/** Less than any plan may come to. */
const ASKING = { consent: { above: fromUsd(0.01) } };

const typesOf = (events: readonly { type: string }[]) => events.map(({ type }) => type);

test("a plan is previewed when it is accepted, before any of its tasks begins", async () => {
  await using line = await playedLine();
  const run = await line.submit(TASKS);
  const state = await line.until(run, over);
  expect(state.run.status).toBe("complete");
  const events = await line.events(run);
  const accepted = events.find((event) => event.type === "plan.accepted");
  expect(accepted?.preview).toMatchObject({ tasks: 2, width: 1, depth: 2, unpriced: [] });
  expect(accepted?.preview?.cost?.high).toBeGreaterThan(accepted?.preview?.cost?.likely ?? 0);
  expect(accepted?.preview?.roles.map(({ role, samples }) => [role, samples])).toEqual([
    ["coder", 0],
    ["reviewer", 0],
    ["merger", 0],
  ]);
  const types = typesOf(events);
  expect(types.indexOf("plan.accepted")).toBeLessThan(types.indexOf("task.ready"));
  expect(types).not.toContain("question.asked");
});

test("what landed tasks took is what the next plan is projected from", async () => {
  await using line = await playedLine();
  const six = ["a", "b", "c", "d", "e", "f"].map((id) => played(id));
  await line.until(await line.submit(six), over);
  const next = await line.until(await line.submit(TASKS), over);
  const preview = next.plans[1]?.preview;
  // each of its jobs made one call of 1,000 tokens in and 1,000 out, at its first attempt
  expect(preview?.roles).toMatchObject([
    { role: "coder", samples: 6, calls: 2, tokens: 4000 },
    { role: "reviewer", samples: 7, calls: 3, tokens: 6000 },
    { role: "merger", samples: 0 },
  ]);
});

test("a plan that passes what was allowed unasked waits for a person, and nothing is begun", async () => {
  await using line = await playedLine();
  const run = await line.submit(TASKS, ASKING);
  const state = await line.until(run, held);
  await line.settled(run);
  expect(await line.idle()).toBe(true);
  const types = typesOf(await line.events(run));
  expect(types).not.toContain("task.ready");
  expect(types.filter((type) => type === "question.asked")).toHaveLength(1);
  expect(state.questions["consent-1"]).toMatchObject({ about: "consent" });
  const { answer } = line.commands();
  await expect(answer(run, "consent-1", "perhaps")).rejects.toThrow(UserError);
  await answer(run, "consent-1", "yes");
  expect((await line.until(run, over)).run).toMatchObject({ status: "complete" });
  expect(typesOf(await line.events(run)).filter((t) => t === "question.asked")).toHaveLength(1);
});

test("a no ends the run with the reason, and nothing else is spent", async () => {
  await using line = await playedLine();
  const run = await line.submit(TASKS, ASKING);
  const { run: before } = await line.until(run, held);
  await line.commands().answer(run, "consent-1", "no");
  const { run: row } = await line.until(run, over);
  expect(row).toMatchObject({ status: "incomplete", calls: before.calls, spent: before.spent });
  expect(row.reasons[0]).toMatch(/^plan 1 was declined: up to \$/);
});

test("an amount for an answer sets the run's budget, and the plan is built within it", async () => {
  await using line = await playedLine();
  const run = await line.submit(TASKS, { ...ASKING, budget: fromUsd(5) });
  await line.until(run, held);
  await line.commands().answer(run, "consent-1", "$7.50");
  const { run: row } = await line.until(run, over);
  expect(row).toMatchObject({ status: "complete", budget: fromUsd(7.5) });
});

test("a run that forgets where it stood while it waits asks nothing anew, nor once its tasks have begun", async () => {
  await using line = await playedLine();
  const run = await line.submit(TASKS, ASKING);
  await line.until(run, held);
  await line.checkpoints.deleteThread(`${run}/run/run`);
  await line.restart();
  await line.settled(run);
  expect(exitCode(await line.state(run))).toBe(5);
  await line.commands().answer(run, "consent-1", "yes");
  await line.until(run, (state) => state.tasks.a?.status === "landed");
  await line.checkpoints.deleteThread(`${run}/run/run`);
  await line.restart();
  expect((await line.until(run, over)).run.status).toBe("complete");
  const types = typesOf(await line.events(run));
  expect(types.filter((type) => type === "question.asked")).toHaveLength(1);
});

test("a run that is only planned ends with its plan, leaves no branch and lets the next one begin", async () => {
  await using line = await playedLine();
  const run = await line.submit(TASKS, { ...ASKING, until: "plan" });
  const { run: row, plans, tasks } = await line.until(run, over);
  expect(row).toMatchObject({ status: "planned", calls: 0, exported: {} });
  expect(exitCode(await line.state(run))).toBe(0);
  expect(plans[1]?.preview?.tasks).toBe(2);
  expect(Object.values(tasks).map(({ status }) => status)).toEqual(["blocked", "blocked"]);
  await line.settled(run);
  expect(typesOf(await line.events(run))).not.toContain("export.finished");
  const next = await line.submit(TASKS, { repo: row.repo });
  expect((await line.until(next, over)).run).toMatchObject({ status: "complete" });
});
