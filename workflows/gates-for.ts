import { applicableGates, landedTasks, type RunState } from "@headrace/domain";

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
