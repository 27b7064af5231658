import { type BudgetLevel, fromUsd, type NewEvent, PlanVersion } from "@headrace/domain";
import { expect, test } from "vitest";
import { controlRig, NO_GATES } from "../support/control-rig.ts";
import { task } from "../support/script.ts";

/** A run whose tasks `a` and `b` are being built, with budgets of every level of its own. */
const raisable = async (
  limits: NonNullable<Parameters<typeof controlRig>[0]>["limits"] = {
    ...{ task: fromUsd(1), tokens: 1_000 },
  },
) => {
  const rig = await controlRig({ limits });
  const { submission, pack } = await rig.submission();
  const { run } = await rig.control.commands.submit(submission, pack);
  const tasks = ["a", "b"].map((id) => task(id, { requirements: [] }));
  const plan = PlanVersion.parse({ version: 1, summary: "Two tasks.", tasks });
  const policyHash = await rig.store.putBlob(Buffer.from(JSON.stringify(NO_GATES)));
  const accepted = { version: 1, requirements: submission.requirements, policy: NO_GATES };
  await rig.store.append(run, [
    { type: "plan.proposed", plan, round: 1 },
    { type: "plan.accepted", ...accepted, policyHash },
    { type: "task.ready", task: "a" },
    { type: "task.ready", task: "b" },
    // the run's own thread has done what it had to
    { type: "thread.finished", kind: "run", id: "run" },
  ]);
  const append = (...events: NewEvent[]) => rig.store.append(run, events);
  return {
    run,
    append,
    commands: rig.control.commands,
    stop: (level: BudgetLevel) =>
      append({
        ...{ type: "budget.stopped", level, reason: "the next call does not fit" },
        ...{ spent: fromUsd(1), budget: fromUsd(20) },
      }),
    park: (id: string, level: BudgetLevel = "task") =>
      append({
        ...{ type: "budget.parked", task: id, level },
        ...{ reason: "the next call does not fit", budget: fromUsd(1) },
      }),
    events: () => rig.store.events(run),
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
};

test.each<[BudgetLevel, RegExp]>([
  ["installation", /the installation's total budget[\s\S]*`budgets\.total`.*`headrace resume /],
  ["day", /today's budget[\s\S]*`budgets\.day`.*config\.yaml.*`headrace resume /],
  ["hour", /this hour's budget[\s\S]*`budgets\.hour`/],
  ["tokens", /the run's token budget[\s\S]*--raise-tokens N`/],
])(
  "dollars do not go to a run that was stopped by %s, and what helps is told",
  async (level, remedy) => {
    await using it = await raisable();
    await it.stop(level);
    const before = (await it.events()).length;
    await expect(it.commands.raiseBudget(it.run, fromUsd(5))).rejects.toThrow(remedy);
    await expect(it.commands.raiseBudget(it.run, fromUsd(5), "a")).rejects.toThrow(remedy);
    expect(await it.events()).toHaveLength(before);
  },
);

test("tokens do not go to a run that was stopped for dollars, nor to one without a budget of them", async () => {
  await using it = await raisable();
  await it.stop("run");
  await expect(it.commands.raiseTokens(it.run, 5)).rejects.toThrow(`budget ${it.run} --raise USD`);
  await using other = await raisable({});
  await expect(other.commands.raiseTokens(other.run, 5)).rejects.toThrow("no budget of tokens");
});

test("tokens are raised to what a number counts exactly, and no further", async () => {
  await using it = await raisable();
  await expect(it.commands.raiseTokens(it.run, Number.MAX_SAFE_INTEGER)).rejects.toThrow(
    "so many tokens",
  );
});

test("a task's budget is not raised while its run stands still for something else", async () => {
  await using it = await raisable();
  await it.park("a");
  await it.commands.pause(it.run, "lunch");
  const raise = () => it.commands.raiseBudget(it.run, fromUsd(1), "a");
  await expect(raise()).rejects.toThrow(/is paused[\s\S]*headrace resume/);
  await it.append({ type: "run.failed", reason: "no engine" });
  await expect(raise()).rejects.toThrow(/is failed[\s\S]*headrace resume/);
  await it.commands.resume(it.run);
  await raise();
  expect((await it.commands.run(it.run)).tasks.a?.parked).toBeUndefined();
});

test("a task that spends nothing any more takes no budget", async () => {
  await using it = await raisable();
  await it.append({ type: "task.quarantined", task: "b", reason: "three attempts" });
  await expect(it.commands.raiseBudget(it.run, fromUsd(1), "b")).rejects.toThrow(
    "task b was given up",
  );
});

test("to resume a run of which only parked tasks are left says which they are, and what lets them go on", async () => {
  await using it = await raisable();
  await it.park("a");
  await it.commands.resume(it.run);
  await it.park("b", "attempt");
  await expect(it.commands.resume(it.run)).rejects.toThrow(
    /a \(its task's, of \$1\.00\), b \(its attempt's.*\n.*--raise USD --task a`, .*--task b`/,
  );
});
