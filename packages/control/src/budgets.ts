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
  type Store,
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

/** What calls have come to, and not of this run's own money alone: tokens of the run, and money of all runs. */
export type Shared = { tokens?: number; installation?: Pico };

/** Read only where it is limited: a run's own money is in its state. */
export const sharedUse = async (
  store: Pick<Store, "accounts">,
  run: string,
  { tokens, total }: Limits,
): Promise<Shared> => {
  if (tokens === undefined && total === undefined) return {};
  const [all, own] = await store.accounts(["installation", `run/${run}`]);
  return {
    ...(own === undefined ? {} : { tokens: own.settledTokens + own.excessTokens }),
    ...(all === undefined ? {} : { installation: all.settled + all.excess }),
  };
};

type Watched = "attempt" | "task" | "run" | "tokens" | "installation";

/** `share`: what of the limit is this run's to use up. */
type Use = { level: Watched; used: number; limit: number; share: number };

type Watch = { limits: Limits; percent: number; shared: Shared };

/**
 * What has been used of the budgets that an agent can do something about, narrowest first. One of a day or an hour is not
 * among them: it passes, and the work goes on.
 */
const watched = (
  { run, tasks }: RunState,
  { task, attempt }: Pick<StepRow, "task" | "attempt">,
  { limits, shared }: Watch,
): Use[] => {
  const row = task === undefined ? undefined : tasks[task];
  const used: Record<Watched, number | undefined> = {
    attempt: row && attempt !== undefined ? (row.attemptSpent?.[attempt] ?? 0) : undefined,
    task: row?.spent,
    run: run.spent,
    ...{ tokens: shared.tokens, installation: shared.installation },
  };
  const most: Partial<Record<Watched, number | undefined>> = {
    ...limits,
    installation: limits.total,
  };
  return (["attempt", "task", "run", "tokens", "installation"] as const).flatMap((level) => {
    const [so, limit] = [used[level], most[level]];
    if (so === undefined || limit === undefined) return [];
    // of a total over all runs much may be used, and whole runs' money be left
    const share = level === "installation" ? Math.min(limit, run.budget) : limit;
    return [{ level, used: so, limit, share }];
  });
};

const isNear = ({ used, limit, share }: Use, percent: number): boolean =>
  (limit - used) * 100 <= share * (100 - percent);

export const nearWords = (level: BudgetLevel, percent: number): string =>
  level === "installation"
    ? `${BUDGET_NAMES[level]} budget has less left than ${100 - percent} % of a run's`
    : `${percent} % of ${BUDGET_NAMES[level]} budget is spent`;

/** What an agent is told whose budget is nearly used; the same words each time, so that it is told once. */
export const nearlyUsed = (state: RunState, step: StepRow, watch: Watch): string | undefined => {
  const near = watched(state, step, watch).find((use) => isNear(use, watch.percent));
  return near && nearWords(near.level, watch.percent);
};

type Warning = Extract<NewEvent, { type: "budget.warned" }>;

/** Tells of each budget once that a call of this cost, and of so many tokens, brings near its end. */
export const budgetWarnings = (
  state: RunState,
  step: StepRow,
  { cost, tokens, ...watch }: Watch & { cost: Pico; tokens: number },
): Warning[] => {
  const { task, attempt } = step;
  const { run } = state;
  const told = (level: Watched): boolean => {
    if (level === "run") return run.budgetWarned;
    if (level === "tokens" || level === "installation") return run.warned?.includes(level) === true;
    const key = level === "task" ? level : `attempt/${attempt}`;
    return task !== undefined && state.tasks[task]?.warned?.includes(key) === true;
  };
  return watched(state, step, watch)
    .map((use) => ({ ...use, used: use.used + (use.level === "tokens" ? tokens : cost) }))
    .filter((use) => !told(use.level) && isNear(use, watch.percent))
    .map(({ level, used, limit }): Warning => {
      if (level === "tokens") {
        const money = { spent: run.spent + cost, budget: run.budget };
        return { type: "budget.warned", ...money, level, tokens: { used, budget: limit } };
      }
      const own = level === "task" || level === "attempt";
      return {
        type: "budget.warned",
        ...{ spent: Math.min(used, Number.MAX_SAFE_INTEGER), budget: limit, level },
        ...(own && task !== undefined ? { task } : {}),
        ...(level === "attempt" && attempt !== undefined ? { attempt } : {}),
      };
    });
};
