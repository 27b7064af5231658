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

/** What the step that first met a tip found there. */
const foundAt = (
  { steps }: RunState,
  tip: string,
): { tipTree?: string; below?: string | undefined } => {
  for (const { result } of Object.values(steps)) {
    const found =
      result?.kind === "stack" ? result.stack : result?.kind === "merge" ? result.merge : undefined;
    if (found?.tip === tip) return found;
  }
  return {};
};

/**
 * The receipt of `base`: of what landed last there, or the check of the run base. Of a commit that somebody else made
 * it is the receipt of the same tree, if there is one, or that of the newest landing below it: never none at all.
 */
const receiptOf = (state: RunState, base: string): Receipt | undefined => {
  const { run, tasks, receipts } = state;
  const landings = Object.values(tasks).flatMap(({ landing }) => landing ?? []);
  const landingAt = (commit: string) => landings.find((landing) => landing.commit === commit);
  const own = (commit: string) => receipts[landingAt(commit)?.receipt ?? ""] ?? run.checked;
  if (base === run.base || landingAt(base) !== undefined) return own(base);
  const { tipTree, below = run.base } = foundAt(state, base);
  const known = [run.checked, ...landings.map(({ receipt }) => receipts[receipt])];
  return known.find((receipt) => receipt?.key.tree === tipTree) ?? own(below);
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

/** By gate: the receipts of trees that hold the newest landing of which the plan lets a gate be changed; absent: all. */
const receiptsSince = ({ tasks }: RunState): Map<string, Set<string>> => {
  const landings = Object.values(tasks)
    .flatMap(({ landing, task }) => (landing === undefined ? [] : [{ ...landing, task }]))
    .sort((a, b) => a.seq - b.seq);
  const since = new Map<string, Set<string>>();
  for (const { receipt, task } of landings) {
    for (const gate of changeableGates([task])) since.set(gate, new Set());
    for (const receipts of since.values()) receipts.add(receipt);
  }
  return since;
};

const changeableGates = (tasks: readonly Task[]): string[] =>
  tasks.flatMap(({ permits }) =>
    permits.flatMap((permit) => (permit.startsWith("gates:") ? [permit.slice(6)] : [])),
  );

/**
 * What canaries have shown of gates by now, for a tree with the changes of `tasks`. A gate's command is the same for the
 * whole run, so it is shown a bad tree once; after one that it was blind to it has to be shown another. So it has where a
 * task may change what stands behind its command: on that task's own trees, and again once it has landed.
 */
export const canariesOf = (state: RunState, tasks: readonly string[]): GateCanary[] => {
  const changed = new Set(changeableGates(tasks.flatMap((id) => state.tasks[id]?.task ?? [])));
  const since = receiptsSince(state);
  const shown = new Map<string, GateCanary>();
  for (const { id, results } of Object.values(state.receipts))
    for (const { gate, canary } of results) {
      if (canary === undefined || isBlind(canary) || changed.has(gate)) continue;
      if (since.get(gate)?.has(id) ?? true) shown.set(gate, { gate, ...canary });
    }
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
