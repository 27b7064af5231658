import {
  applicableGates,
  type GateBaseline,
  type GateCanary,
  isBlind,
  landedTasks,
  type Receipt,
  type RunState,
} from "@headrace/domain";

/**
 * Gates that apply to a task's candidate on `base`: those of work that stands in it, and the ones the task brings. What
 * landed after an attempt began is not in its tree, and its gates would be red for no fault of the task.
 */
export const gatesFor = (state: RunState, task: string, base: string): string[] => {
  const landed = [...landedTasks(state)];
  const last = landed.findIndex((id) => state.tasks[id]?.landing?.commit === base);
  const inBase = base === state.run.base || last !== -1 ? landed.slice(0, last + 1) : landed;
  return applicableGates(state.run.policy, new Set([...inBase, task])).map((g) => g.name);
};

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
