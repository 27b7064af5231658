import { z } from "zod";
import { Pico } from "./money.ts";

/**
 * What a call is reserved against, from the widest: all runs ever, all runs of one day (UTC), one run, one task, one
 * attempt; what one run may commit to within an hour; and one run's budget that is not of money, `tokens`.
 */
export const BudgetLevel = z.enum([
  "installation",
  "day",
  "run",
  "task",
  "attempt",
  "hour",
  "tokens",
]);
export type BudgetLevel = z.infer<typeof BudgetLevel>;

const limit = Pico.positive();

/** Limits of the installation's own configuration, beside the budget that each run has. */
export const BudgetLimits = z.object({
  total: limit.optional(),
  day: limit.optional(),
  /** of every run, within any hour */
  hour: limit.optional(),
  task: limit.optional(),
  attempt: limit.optional(),
  /** tokens of one run; with it models without a price may be used */
  tokens: z.number().int().positive().optional(),
  /** tasks of one plan without a person's consent */
  tasks: z.number().int().positive().optional(),
});
export type BudgetLimits = z.infer<typeof BudgetLimits>;

/** One account of the ledger with what it may hold. */
export type Account = {
  level: BudgetLevel;
  /** `installation`, `day/2026-11-21` (or `simulated`, `simulated/day/2026-11-21`), `run/<run>`, `run/<run>/<task>`, `run/<run>/<task>/<attempt>` */
  path: string;
  limit?: Pico;
  tokens?: number;
};

/**
 * The accounts above a call, widest first. `hour` is no account: it is a window over a run's entries. What simulated
 * runs pretend to spend has accounts of its own above a run, beside the real ones.
 */
export const accountsOf = (
  owner: { run: string; simulated?: boolean; task?: string; attempt?: number },
  limits: BudgetLimits & { run: Pico },
  at: Date,
): Account[] => {
  const { run, simulated = false, task, attempt } = owner;
  const all = simulated ? "simulated" : "installation";
  const today = `${simulated ? "simulated/" : ""}day/${at.toISOString().slice(0, 10)}`;
  const bounded = (level: BudgetLevel, path: string, limit?: Pico): Account => ({
    level,
    path,
    ...(limit === undefined ? {} : { limit }),
  });
  const own: Account = {
    ...bounded("run", `run/${run}`, limits.run),
    ...(limits.tokens === undefined ? {} : { tokens: limits.tokens }),
  };
  const above = [
    bounded("installation", all, limits.total),
    bounded("day", today, limits.day),
    own,
  ];
  if (task === undefined) return above;
  above.push(bounded("task", `run/${run}/${task}`, limits.task));
  if (attempt === undefined) return above;
  return [...above, bounded("attempt", `run/${run}/${task}/${attempt}`, limits.attempt)];
};
