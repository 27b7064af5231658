import type { BudgetLimits } from "./budget.ts";
import type { Pico } from "./money.ts";
import type { RunState } from "./run-state.ts";

type Installation = Pick<BudgetLimits, "total" | "day" | "hour">;

/** Whether its calls cost nothing, so that its money is pretended. */
export const isSimulated = ({ model }: Pick<RunState["run"], "model">): boolean =>
  model.kind !== "provider";

/**
 * What bounds the calls of a run, and of one of its tasks where it has been raised. What all runs may spend together,
 * and each within an hour, is what the installation's configuration says now; pretended money is none of it.
 */
export const limitsOf = (
  { run, tasks }: RunState,
  { task }: { task?: string },
  installation: Installation = {},
): BudgetLimits & { run: Pico } => {
  const raised = (task === undefined ? undefined : tasks[task]?.raised) ?? 0;
  const { total: _, day: __, ...own } = run.limits ?? {};
  // it may hold more than this, which is pinned with the run
  const { total, day, hour } = isSimulated(run) ? {} : installation;
  const higher = (limit: Pico | undefined) => (limit === undefined ? limit : limit + raised);
  const [ofTask, ofAttempt] = [higher(own.task), higher(own.attempt)];
  return {
    ...own,
    ...(ofTask === undefined ? {} : { task: ofTask }),
    ...(ofAttempt === undefined ? {} : { attempt: ofAttempt }),
    ...(total === undefined ? {} : { total }),
    ...(day === undefined ? {} : { day }),
    ...(hour === undefined ? {} : { hour }),
    run: run.budget,
  };
};
