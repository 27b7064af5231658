import { addUsage } from "../usage.ts";
import { type Folds, setRun, setTask, unchanged } from "./types.ts";

/** Spend: every settled call, and what the cap did. */
export const foldLedger: Folds<
  | "model.called"
  | "model.failed"
  | "tool.ran"
  | "network.used"
  | "budget.warned"
  | "budget.stopped"
  | "budget.raised"
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
  "tool.ran": unchanged,
  "network.used": unchanged,
  "budget.warned": (s) => setRun(s, { budgetWarned: true }),
  "budget.stopped": (s) => setRun(s, { status: "budget" }),
  "budget.raised": (s, e) => setRun(s, { budget: e.budget, budgetWarned: false }),
};
