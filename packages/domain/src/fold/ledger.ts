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
      calls: s.run.calls + 1,
      usage: addUsage(s.run.usage, e.usage),
    });
    const task = e.task === undefined ? undefined : s.tasks[e.task];
    if (task === undefined) return next;
    return setTask(next, task.id, {
      spent: task.spent + e.cost,
      usage: addUsage(task.usage, e.usage),
      models: task.models.includes(e.model) ? task.models : [...task.models, e.model],
    });
  },
  "model.failed": unchanged,
  "model.adjusted": (s, e) => {
    const next = setRun(s, { spent: s.run.spent - e.was + e.cost });
    const task = e.task === undefined ? undefined : s.tasks[e.task];
    if (task === undefined) return next;
    return setTask(next, task.id, { spent: task.spent - e.was + e.cost });
  },
  "cache.broken": unchanged,
  "tool.ran": unchanged,
  "network.used": unchanged,
  "budget.warned": (s, e) =>
    e.level === undefined || e.level === "run" ? setRun(s, { budgetWarned: true }) : s,
  "budget.stopped": (s) => setRun(s, { status: "budget" }),
  "budget.parked": (s, e) => {
    const { level, reason, budget } = e;
    return e.task === undefined ? s : setTask(s, e.task, { parked: { level, reason, budget } });
  },
  "budget.raised": (s, e) => {
    const task = e.task === undefined ? undefined : s.tasks[e.task];
    if (task === undefined) return setRun(s, { budget: e.budget, budgetWarned: false });
    const { parked: _, ...row } = task;
    return { ...s, tasks: { ...s.tasks, [task.id]: { ...row, raised: e.budget } } };
  },
  "spend.classed": (s, e) => {
    const { converted, overhead, waste } = e;
    const before = s.run.spend ?? { converted: 0, overhead: {}, waste: {} };
    const spend = {
      converted: before.converted + converted,
      overhead: addKinds(before.overhead, overhead),
      waste: addKinds(before.waste, waste),
    };
    return setRun(s, { spend });
  },
  "run.steered": (s, e) =>
    setRun(s, { steers: [...(s.run.steers ?? []), { seq: e.seq, text: e.text }] }),
};

const addKinds = <K extends string>(
  a: Partial<Record<K, number>>,
  b: Partial<Record<K, number>>,
): Partial<Record<K, number>> => {
  const sum = { ...a };
  for (const [kind, amount] of Object.entries(b) as [K, number][])
    sum[kind] = (sum[kind] ?? 0) + amount;
  return sum;
};
