import type { Task } from "./plan.ts";
import { reach } from "./plan-graph.ts";
import type { Gate } from "./policy.ts";

/**
 * Tasks that would be verified before any gate applies, so that nothing of theirs could ever land: a gate applies to
 * a task when it starts from nothing, from landed work, from the task itself, or from one the task waits for.
 */
export const unverifiable = (
  tasks: readonly Task[],
  gates: readonly Gate[],
  landed: ReadonlySet<string>,
): string[] => {
  const byId = new Map(tasks.map((t) => [t.id, t]));
  const applies = (gate: Gate, behind: ReadonlySet<string>): boolean =>
    gate.from === undefined || landed.has(gate.from) || behind.has(gate.from);
  return tasks
    .filter((task) => {
      const behind = reach([task.id], (id) => byId.get(id)?.blockedBy ?? []);
      return !gates.some((gate) => applies(gate, behind));
    })
    .map((task) => task.id);
};
