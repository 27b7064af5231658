import { waitingOnBudget, waitingOnPerson } from "./ready.ts";
import type { RunState } from "./run-state.ts";

export type RunExitCode = 0 | 1 | 3 | 4 | 5;

/**
 * How a client that follows the run ends: 0 complete, or planned where no more was asked for, 1 the factory failed, 3
 * incomplete or cancelled, 4 stopped for budget (the run's, or those of all tasks that are left), 5 only a person can
 * move it on (an answer, or `resume` after a pause). Undefined while the run can go on by itself.
 */
export const exitCode = (state: RunState): RunExitCode | undefined => {
  switch (state.run.status) {
    case "complete":
    case "planned":
      return 0;
    case "failed":
      return 1;
    case "incomplete":
    case "cancelled":
      return 3;
    case "budget":
      return 4;
    case "paused":
      return 5;
    case "queued":
      return undefined;
    case "active":
      if (waitingOnPerson(state)) return 5;
      return waitingOnBudget(state) ? 4 : undefined;
  }
};
