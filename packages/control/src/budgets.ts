import {
  BUDGET_NAMES,
  type BudgetLevel,
  budgetRemedy,
  formatUsd,
  type limitsOf,
  type NewEvent,
  type Pico,
  type ReserveAnswer,
  type RunState,
  remedyWords,
  type StepRow,
} from "@headrace/domain";

type Limits = ReturnType<typeof limitsOf>;
type Refused = Extract<ReserveAnswer, { kind: "refused" }>;
type Owner = { run: string; task?: string };

/** Why a budget could not hold a call. */
export type Refusal = {
  reason: string;
  /** when it may (RFC 3339); absent where somebody must raise it */
  until?: string;
  /** the answer to the worker, where no candidate fits; `cap` in tokens where that is the level */
  told: { reason: string; level: BudgetLevel; cap?: Pico };
};

/** The first moment of the next day, in UTC. */
const tomorrow = (at: Date): string =>
  new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() + 1)).toISOString();

/** How soon it is looked whether a call that holds a budget has cost less. */
const LOOK_MS = 2_000;

/**
 * The ledger's refusal, with what follows from it: calls under way will cost less than they hold, a day or an hour passes,
 * and every other budget is somebody's to raise.
 */
export const refusalOf = (
  refused: Refused,
  { owner, limits }: { owner: Owner; limits: Limits },
  at: Date,
): Refusal => {
  const { needed, available, held = 0, until: fits } = refused;
  const level = refused.tokens ? "tokens" : refused.level;
  const reason = refused.tokens
    ? `the next call may take ${needed} tokens, and ${available} of ${BUDGET_NAMES.tokens} budget are free`
    : `the next call may cost ${formatUsd(needed)}, and ${formatUsd(available)} of ${BUDGET_NAMES[level]} budget is free`;
  const told = { reason: `${reason}. ${remedyWords(budgetRemedy(level, owner))}`, level };
  // of the hour the ledger itself knows what calls under way hold
  if (level !== "hour" && needed <= available + held)
    return { reason, told, until: new Date(at.getTime() + LOOK_MS).toISOString() };
  if (level === "hour") return { reason, told, ...(fits === undefined ? {} : { until: fits }) };
  if (level === "day")
    return { reason, told, ...(needed > (limits.day ?? 0) ? {} : { until: tomorrow(at) }) };
  if (level === "installation") return { reason, told };
  return { reason, told: { ...told, cap: limits[level] ?? 0 } };
};

type Watched = "attempt" | "task" | "run";

/** What has been spent of the budgets that an agent can do something about, narrowest first. */
const watched = (
  { run, tasks }: RunState,
  { task, attempt }: Pick<StepRow, "task" | "attempt">,
  limits: Limits,
): Array<{ level: Watched; spent: Pico; limit: Pico }> => {
  const row = task === undefined ? undefined : tasks[task];
  const spent: Record<Watched, Pico | undefined> = {
    attempt: row && attempt !== undefined ? (row.attemptSpent?.[attempt] ?? 0) : undefined,
    task: row?.spent,
    run: run.spent,
  };
  return (["attempt", "task", "run"] as const).flatMap((level) => {
    const [used, limit] = [spent[level], limits[level]];
    return used === undefined || limit === undefined ? [] : [{ level, spent: used, limit }];
  });
};

const isNear = (spent: Pico, limit: Pico, percent: number): boolean =>
  spent * 100 >= limit * percent;

/** What an agent is told whose budget is nearly used; the same words each time, so that it is told once. */
export const nearlyUsed = (
  state: RunState,
  step: StepRow,
  limits: Limits,
  percent: number,
): string | undefined => {
  const near = watched(state, step, limits).find(({ spent, limit }) =>
    isNear(spent, limit, percent),
  );
  return near && `${percent} % of ${BUDGET_NAMES[near.level]} budget is spent`;
};

/** Tells of each budget once that a call of this cost brings near its end. */
export const budgetWarnings = (
  state: RunState,
  step: StepRow,
  { cost, limits, percent }: { cost: Pico; limits: Limits; percent: number },
): NewEvent[] => {
  const { task, attempt } = step;
  const told = (level: Watched): boolean => {
    if (level === "run") return state.run.budgetWarned;
    const key = level === "task" ? level : `attempt/${attempt}`;
    return task !== undefined && state.tasks[task]?.warned?.includes(key) === true;
  };
  return watched(state, step, limits)
    .filter(({ level, spent, limit }) => !told(level) && isNear(spent + cost, limit, percent))
    .map(({ level, spent, limit }) => ({
      type: "budget.warned",
      ...{ spent: spent + cost, budget: limit, level },
      ...(level === "run" || task === undefined ? {} : { task }),
      ...(level === "attempt" && attempt !== undefined ? { attempt } : {}),
    }));
};
