import {
  accountsOf,
  formatUsd,
  isSimulated,
  limitsOf,
  type Pico,
  UserError,
} from "@headrace/domain";
import { type DataDir, dataDir } from "../data-dir.ts";
import { factoryOf } from "../factory/going-on.ts";
import { openSpend } from "../factory/spend-records.ts";
import { parseTokens } from "../tokens.ts";
import { parseUsd } from "../usd.ts";
import { readInstallation } from "../user-config.ts";
import { budgetLines, budgetReport } from "../view/budget-lines.ts";
import { flag, type Options, text, type VerbAction, type World } from "../world.ts";

type Raise = { usd: Pico; task?: string } | { tokens: number };

/**
 * Shows what a run may still spend, on every level; `--raise` adds to its cap, or to those of one task, and
 * `--raise-tokens` to its tokens, and what that had stopped goes on.
 */
export const budget: VerbAction = async (world, [id = ""], options) => {
  const data = dataDir(text(options, "data"), world.env);
  const raise = raiseOf(options);
  if (raise === undefined) {
    await show(world, { data, id, json: flag(options, "json") });
    return 0;
  }
  const control = await factoryOf(data, id, world);
  const before = await control.run(id);
  if ("tokens" in raise) await control.raiseTokens(id, raise.tokens);
  else await control.raiseBudget(id, raise.usd, raise.task);
  const { run } = await control.run(id);
  if ("tokens" in raise)
    world.out(`the budget of run ${id} is now ${run.limits?.tokens ?? 0} tokens`);
  else if (raise.task === undefined)
    world.out(`the budget of run ${id} is now ${formatUsd(run.budget)}`);
  else
    world.out(
      `the budgets of task ${raise.task} are raised by ${formatUsd(raise.usd)}${before.tasks[raise.task]?.parked ? "; it goes on" : ""}`,
    );
  return 0;
};

const raiseOf = (options: Options): Raise | undefined => {
  const [usd, tokens] = [text(options, "raise"), text(options, "raiseTokens")];
  const task = text(options, "task");
  if (task !== undefined && usd === undefined)
    throw new UserError("--task needs --raise USD", "For example --raise 2 --task parse");
  if (usd !== undefined && tokens !== undefined)
    throw new UserError("--raise and --raise-tokens are two raises", "Make one after the other.");
  if (tokens !== undefined) return { tokens: parseTokens(tokens, "--raise-tokens") };
  if (usd === undefined) return undefined;
  return { usd: parseUsd(usd, "--raise"), ...(task === undefined ? {} : { task }) };
};

const show = async (
  world: World,
  { data, id, json }: { data: DataDir; id: string; json: boolean },
): Promise<void> => {
  const { config } = await readInstallation({ env: world.env, dataDir: data.root });
  const configured = config.budgets;
  await using records = await openSpend(data, id);
  const at = new Date();
  for (const state of records.states) {
    const above = accountsOf(
      { run: id, simulated: isSimulated(state.run) },
      limitsOf(state, {}, configured),
      at,
    );
    const accounts = await records.accounts(above.map(({ path }) => path));
    const day = at.toISOString().slice(0, 10);
    const report = budgetReport(state, accounts, { configured, day });
    if (json) world.out(JSON.stringify(report));
    else for (const line of budgetLines(report, data.command)) world.out(line);
  }
};
