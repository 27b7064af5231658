import {
  type ChecksRequest,
  checkBudgetMs,
  type GateBaseline,
  type GateCanary,
  isBlind,
  type MachineTime,
  type PlanVersion,
  type Policy,
  type Receipt,
  type RunState,
  type Task,
} from "@headrace/domain";

/** The receipt of exactly the tree of `base`: what landed last there, or the check of the run base. */
const receiptOf = (state: RunState, base: string): Receipt | undefined => {
  if (base === state.run.base) return state.run.checked;
  const landing = Object.values(state.tasks).find((t) => t.landing?.commit === base)?.landing;
  return landing && state.receipts[landing.receipt];
};

/**
 * A plan that gives set-up makes another environment than the one in which the base was checked, so that what failed
 * there is no longer shown; nothing else of a policy changes for a gate that the base had.
 */
const isAsChecked = ({ policy }: RunState["run"]): boolean =>
  policy.from.setup !== "plan" || policy.setup.length === 0;

/** The tests of the landing base under each gate, with what of its red may stay. */
export const baselineFor = (state: RunState, base: string): GateBaseline[] => {
  const { run } = state;
  const results = receiptOf(state, base)?.results ?? [];
  return results.flatMap(({ gate, tests, exitCode }): GateBaseline[] => {
    if (tests === undefined) return [];
    const incident = run.baseRed?.find((one) => one.gate === gate);
    if (incident === undefined || exitCode === null || tests.failed === 0 || !isAsChecked(run))
      return [{ gate, tests }];
    return [{ gate, tests, red: { exitCode, receipt: incident.receipt } }];
  });
};

/**
 * What canaries have shown of gates by now. A gate's command is the same for the whole run, so it is shown a bad tree
 * once; after one that it was blind to it has to be shown another.
 */
export const canariesOf = ({ receipts }: RunState): GateCanary[] => {
  const shown = new Map<string, GateCanary>();
  for (const { results } of Object.values(receipts))
    for (const { gate, canary } of results)
      if (canary !== undefined && !isBlind(canary)) shown.set(gate, { gate, ...canary });
  return [...shown.values()];
};

const runTime = (results: Receipt["results"]): number =>
  results.reduce((sum, { durationMs }) => sum + durationMs, 0);

/** What a task's change is looked at for, with the time its gates took on the base it stands on as the measure. */
export const checksFor = (state: RunState, { fix = false }: Task, base: string): ChecksRequest => {
  const { checked, policy } = state.run;
  const results = (receiptOf(state, base) ?? checked)?.results ?? [];
  return { fix, budgetMs: checkBudgetMs(policy.verification, runTime(results)) };
};

/** What is known of the hours that a plan takes before its tasks begin; what agents take is known by nobody. */
export const machineTimeOf = (
  { run, tasks }: RunState,
  plan: PlanVersion,
  { gates, verification }: Policy,
): MachineTime => {
  const measured = run.checked?.results ?? [];
  const gatesMs = runTime(measured);
  return {
    tasks: plan.tasks.filter(({ id }) => tasks[id]?.status !== "landed").length,
    gatesMs,
    checksMs: checkBudgetMs(verification, gatesMs),
    unmeasured: gates
      .filter(({ name }) => !measured.some(({ gate }) => gate === name))
      .map(({ name }) => name),
  };
};
