import type { RunRow, RunState, TaskRow } from "../run-state.ts";
import type { ClassedSpend } from "../spend.ts";
import { addUsage } from "../usage.ts";
import { type Folds, setRun, setTask, unchanged } from "./types.ts";

/** Spend: every settled call, and what the caps did. */
export const foldLedger: Folds<
  | "model.called"
  | "model.failed"
  | "model.adjusted"
  | "cache.broken"
  | "tool.ran"
  | "network.used"
  | "budget.warned"
  | "budget.stopped"
  | "budget.parked"
  | "budget.raised"
  | "spend.classed"
  | "run.steered"
> = {
  "model.called": (s, e) => {
    const next = setRun(s, {
      spent: s.run.spent + e.cost,
      ...excessOf(s, e.excess),
      calls: s.run.calls + 1,
      ...workOf(s, e.work),
      usage: addUsage(s.run.usage, e.usage),
    });
    const task = e.task === undefined ? undefined : s.tasks[e.task];
    if (task === undefined) return next;
    return setTask(next, task.id, {
      spent: task.spent + e.cost,
      ...attemptSpent(task, e.attempt, e.cost),
      usage: addUsage(task.usage, e.usage),
      models: task.models.includes(e.model) ? task.models : [...task.models, e.model],
    });
  },
  "model.failed": unchanged,
  "model.adjusted": (s, e) => {
    const next = setRun(s, {
      spent: s.run.spent - e.was + e.cost,
      ...excessOf(s, e.excess),
      // while it was estimated, nobody could say what it was worth
      ...workOf(s, e.work),
    });
    const task = e.task === undefined ? undefined : s.tasks[e.task];
    if (task === undefined) return next;
    return setTask(next, task.id, {
      spent: task.spent - e.was + e.cost,
      ...attemptSpent(task, e.attempt, e.cost - e.was),
    });
  },
  "cache.broken": unchanged,
  "tool.ran": unchanged,
  "network.used": unchanged,
  "budget.warned": (s, e) => {
    const { level = "run" } = e;
    if (level === "run") return setRun(s, { budgetWarned: true });
    if (level === "tokens" || level === "installation")
      return setRun(s, { warned: [...(s.run.warned ?? []), level] });
    const task = e.task === undefined ? undefined : s.tasks[e.task];
    if (task === undefined) return s;
    const warned = level === "attempt" ? `attempt/${e.attempt ?? 0}` : level;
    return setTask(s, task.id, { warned: [...(task.warned ?? []), warned] });
  },
  "budget.stopped": (s, e) => setRun(s, { status: "budget", stoppedBy: e.level ?? "run" }),
  "budget.parked": (s, e) => {
    const { level, reason, budget } = e;
    return e.task === undefined ? s : setTask(s, e.task, { parked: { level, reason, budget } });
  },
  "budget.raised": (s, e) => {
    const task = e.task === undefined ? undefined : s.tasks[e.task];
    if (e.tokens !== undefined)
      return setRun(s, {
        limits: { ...s.run.limits, tokens: e.tokens },
        warned: (s.run.warned ?? []).filter((level) => level !== "tokens"),
      });
    if (task === undefined) return setRun(s, { budget: e.budget, budgetWarned: false });
    const { parked: _, warned: __, ...row } = task;
    return { ...s, tasks: { ...s.tasks, [task.id]: { ...row, raised: e.budget } } };
  },
  "spend.classed": (s, e) => {
    const next = setRun(s, { spend: addClassed(s.run.spend, e) });
    const task = e.task === undefined ? undefined : s.tasks[e.task];
    return task === undefined ? next : setTask(next, task.id, { spend: addClassed(task.spend, e) });
  },
  "run.steered": (s, e) =>
    setRun(s, { steers: [...(s.run.steers ?? []), { seq: e.seq, text: e.text }] }),
};

/** Unlike what is spent, no budget bounds these: a provider may say anything. */
const upToMost = (sum: number): number => Math.min(sum, Number.MAX_SAFE_INTEGER);

const excessOf = ({ run }: RunState, more: number | undefined): Pick<RunRow, "excess"> =>
  more === undefined ? {} : { excess: upToMost((run.excess ?? 0) + more) };

const workOf = ({ run }: RunState, more: number | undefined): Pick<RunRow, "work"> => {
  if (more === undefined) return {};
  const { amount, calls } = run.work ?? { amount: 0, calls: 0 };
  return { work: { amount: upToMost(amount + more), calls: calls + 1 } };
};

const addClassed = (before: ClassedSpend | undefined, more: ClassedSpend): ClassedSpend => ({
  converted: (before?.converted ?? 0) + more.converted,
  overhead: addKinds(before?.overhead ?? {}, more.overhead),
  waste: addKinds(before?.waste ?? {}, more.waste),
  calls: (before?.calls ?? 0) + more.calls,
});

const addKinds = <K extends string>(
  a: Partial<Record<K, number>>,
  b: Partial<Record<K, number>>,
): Partial<Record<K, number>> => {
  const sum = { ...a };
  for (const [kind, amount] of Object.entries(b) as [K, number][])
    sum[kind] = (sum[kind] ?? 0) + amount;
  return sum;
};

const attemptSpent = (
  task: TaskRow,
  attempt: number | undefined,
  more: number,
): Pick<TaskRow, "attemptSpent"> => {
  if (attempt === undefined) return {};
  const before = task.attemptSpent ?? {};
  return { attemptSpent: { ...before, [attempt]: (before[attempt] ?? 0) + more } };
};
