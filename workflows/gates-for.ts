import {
  type GateBaseline,
  type GateCanary,
  isBlind,
  type Receipt,
  type RunState,
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
