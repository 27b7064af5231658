import {
  experienceOf,
  landedTasks,
  type MachineTime,
  type PlanVersion,
  type Preview,
  previewOf,
  type RunState,
  totalTokens,
} from "@headrace/domain";
import type { Context } from "./options.ts";

/** Runs whose calls are read for what jobs take: the newest ones. */
const MOST_RUNS = 20;

/**
 * What the plan is expected to take, by the run's routes, today's prices, and what earlier runs of this installation, and
 * this one so far, have shown. Runs of another kind of model (a script, a relay) show nothing of this one.
 */
export const previewPlan = async (
  { store, prices, clock, slots = 1 }: Context,
  state: RunState,
  plan: PlanVersion,
  machineTime: MachineTime,
): Promise<Preview> => {
  const { run } = state;
  const alike = (await store.runs()).filter((s) => s.run.model.kind === run.model.kind);
  const known = alike
    .slice(-MOST_RUNS)
    .map(async (s) => ({ state: s, calls: await store.calls(s.run.id) }));
  const now = clock.now();
  return previewOf({
    plan,
    landed: landedTasks(state),
    routes: run.routes,
    overrides: run.overrides ?? [],
    machineTime,
    experience: experienceOf(await Promise.all(known)),
    slots,
    before: { tokens: totalTokens(run.usage), cost: run.spent },
    price: ({ model }, usage) => prices.cost(model, usage, now),
  });
};
