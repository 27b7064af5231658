import {
  branchRef,
  type FactoryRepo,
  integrationBranch,
  type NewEvent,
  type RunState,
  type StepResult,
  type StepRow,
  type TaskRow,
} from "@headrace/domain";
import type { Context } from "./options.ts";

/** One step of the control lane, with all it may look at. */
export type Work = { context: Context; repo: FactoryRepo; state: RunState; row: StepRow };
export type Done = { result: StepResult; events?: NewEvent[] };

/** The run was stopped while the step was prepared: it stays open, and nothing was moved. */
export class NotNowError extends Error {
  override readonly name = "NotNowError";
}

/** The time of the request: the same commit comes out however often the step runs. */
export const stableTime = (row: StepRow): Date => new Date(row.requestedAt);

export const tipRef = (state: RunState): string => branchRef(integrationBranch(state.run.id));

export const taskRowOf = (state: RunState, task: string): TaskRow => {
  const row = state.tasks[task];
  if (row === undefined) throw new Error(`run ${state.run.id} has no task ${task}`);
  return row;
};
