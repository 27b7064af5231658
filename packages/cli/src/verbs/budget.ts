import { formatUsd, UserError } from "@headrace/domain";
import { dataDir } from "../data-dir.ts";
import { openReader } from "../factory/reader.ts";
import { ensureFactory } from "../factory/spawn.ts";
import { parseUsd } from "../usd.ts";
import { flag, text, type VerbAction } from "../world.ts";

/**
 * Shows what a run has spent of its cap; `--raise` adds to the cap, or to those of one task, and what it had stopped goes
 * on.
 */
export const budget: VerbAction = async (world, [id = ""], options) => {
  const data = dataDir(text(options, "data"), world.env);
  const raise = text(options, "raise");
  const by = raise === undefined ? undefined : parseUsd(raise, "--raise");
  const task = text(options, "task");
  if (task !== undefined && by === undefined)
    throw new UserError("--task needs --raise USD", "For example --raise 2 --task parse");
  await using reader = await openReader(data);
  const { run } = await reader.run(id);
  if (by === undefined) {
    const { spent, budget: cap, calls } = run;
    world.out(
      flag(options, "json")
        ? JSON.stringify({ run: id, spentPico: spent, budgetPico: cap, calls })
        : `run ${id} has spent ${formatUsd(spent)} of ${formatUsd(cap)} in ${calls} calls`,
    );
    return 0;
  }
  await reader[Symbol.asyncDispose]();
  const control = await ensureFactory(data, world.env, world.err);
  await control.raiseBudget(id, by, task);
  world.out(
    task === undefined
      ? `the budget of run ${id} is now ${formatUsd(run.budget + by)}`
      : `the budgets of task ${task} are raised by ${formatUsd(by)}; it goes on`,
  );
  return 0;
};
