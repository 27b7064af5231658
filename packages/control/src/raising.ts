import {
  BUDGET_NAMES,
  type BudgetLevel,
  budgetRemedy,
  formatUsd,
  type NewEvent,
  type Pico,
  PRODUCT,
  type RunState,
  raisedBudget,
  remedyWords,
  type TaskRow,
  UserError,
  waitingOnBudget,
} from "@headrace/domain";

/** The budget that a run stands still for; undefined where none has stopped it. */
const stoppedBy = ({ run }: RunState): BudgetLevel | undefined =>
  run.status === "budget" ? (run.stoppedBy ?? "run") : undefined;

/** A raise that would let nothing go on is refused with what would: else the next call meets the same budget. */
const refuseOther = (state: RunState, raised: BudgetLevel): void => {
  const by = stoppedBy(state);
  if (by === undefined || by === raised) return;
  const { id } = state.run;
  throw new UserError(
    `run ${id} was stopped by ${BUDGET_NAMES[by]} budget, so that this raise would change nothing`,
    remedyWords(budgetRemedy(by, { run: id })),
  );
};

const goingOn = (state: RunState, raised: NewEvent): NewEvent[] =>
  stoppedBy(state) === undefined ? [raised] : [raised, { type: "run.resumed" }];

/** More of a run's budget, and the run goes on that it had stopped. */
export const raising = (state: RunState, by: Pico): NewEvent[] => {
  refuseOther(state, "run");
  return goingOn(state, { type: "budget.raised", budget: raisedBudget(state.run.budget, by) });
};

/** The same of its tokens. */
export const raisingTokens = (state: RunState, by: number): NewEvent[] => {
  const { id, budget, limits } = state.run;
  if (limits?.tokens === undefined)
    throw new UserError(
      `run ${id} has no budget of tokens`,
      `Raise that of dollars: \`${PRODUCT} budget ${id} --raise USD\``,
    );
  refuseOther(state, "tokens");
  const tokens = limits.tokens + by;
  if (!Number.isSafeInteger(tokens))
    throw new UserError(`run ${id} cannot have a budget of so many tokens`);
  return goingOn(state, { type: "budget.raised", budget, tokens });
};

const SETTLED: Partial<Record<TaskRow["status"], string>> = {
  landed: "has landed",
  quarantined: "was given up",
  dropped: "is not in the newest plan",
};

/** More of the budgets of a task and of its attempts; refused where it is something else that the task waits for. */
export const raisingTask = (state: RunState, by: Pico, id: string): NewEvent[] => {
  const { run, tasks } = state;
  const task = tasks[id];
  if (task === undefined) {
    const known = Object.keys(tasks).join(", ") || "none";
    throw new UserError(`run ${run.id} has no task ${id}`, `Its tasks: ${known}.`);
  }
  if (run.limits?.task === undefined && run.limits?.attempt === undefined)
    throw new UserError(
      `tasks of run ${run.id} have no budget of their own`,
      `Raise that of the run: \`${PRODUCT} budget ${run.id} --raise USD\``,
    );
  const settled = SETTLED[task.status];
  if (settled !== undefined)
    throw new UserError(`task ${id} ${settled}, and spends nothing any more`);
  refuseOther(state, "task");
  if (run.status === "paused" || run.status === "failed")
    throw new UserError(
      `run ${run.id} is ${run.status}, so that its tasks stand still whatever they may spend`,
      `Let it go on first: \`${PRODUCT} resume ${run.id}\``,
    );
  return [{ type: "budget.raised", budget: raisedBudget(task.raised ?? 0, by), task: id }];
};

/** Nothing that `resume` does would move these: their budgets are raised, or stay used. */
export const refuseUsed = (state: RunState): void => {
  const { run } = state;
  const by = stoppedBy(state);
  // budgets of all runs are in the configuration, which may have changed since
  if (by === "tokens")
    throw new UserError(
      `run ${run.id} has used its budget of ${run.limits?.tokens ?? 0} tokens and its next call does not fit`,
      remedyWords(budgetRemedy(by, { run: run.id })),
    );
  if (by === "run")
    throw new UserError(
      `run ${run.id} has spent ${formatUsd(run.spent)} of ${formatUsd(run.budget)} and its next call does not fit`,
      remedyWords(budgetRemedy(by, { run: run.id })),
    );
  if (waitingOnBudget(state)) throw onlyParked(state);
};

/** What a person is told who resumes a run of which only parked tasks are left. */
const onlyParked = ({ run, tasks }: RunState): UserError => {
  const parked = Object.values(tasks).flatMap(({ id, parked: by }) =>
    by === undefined ? [] : [{ id, ...by }],
  );
  const held = parked.map(
    ({ id, level, budget }) => `${id} (its ${level}'s, of ${formatUsd(budget)})`,
  );
  const lines = parked.map(
    ({ id, level }) => `\`${PRODUCT} ${budgetRemedy(level, { run: run.id, task: id }).line}\``,
  );
  return new UserError(
    `run ${run.id} waits only for tasks whose own budgets are used: ${held.join(", ")}`,
    `Raise them: ${lines.join(", ")}`,
  );
};
