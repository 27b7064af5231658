import type { EventType } from "../events.ts";
import type { EventOf, QuestionRow, RunRow, RunState, StepRow, TaskRow } from "../run-state.ts";

export type Folds<T extends EventType> = {
  [K in T]: (state: RunState, event: EventOf<K>) => RunState;
};

/** An event that is kept for people and changes no row. */
export const unchanged = (state: RunState): RunState => state;

export const setRun = (state: RunState, change: Partial<RunRow>): RunState => ({
  ...state,
  run: { ...state.run, ...change },
});

const patched = <T>(
  rows: Record<string, T>,
  id: string | undefined,
  change: Partial<T>,
): Record<string, T> => {
  const row = id === undefined ? undefined : rows[id];
  if (row === undefined || id === undefined) throw new Error(`no row ${id} to change`);
  return { ...rows, [id]: { ...row, ...change } };
};

export const setTask = (
  state: RunState,
  id: string | undefined,
  change: Partial<TaskRow>,
): RunState => ({
  ...state,
  tasks: patched(state.tasks, id, change),
});

export const setStep = (state: RunState, id: string, change: Partial<StepRow>): RunState => ({
  ...state,
  steps: patched(state.steps, id, change),
});

export const setQuestion = (
  state: RunState,
  id: string,
  change: Partial<QuestionRow>,
): RunState => ({
  ...state,
  questions: patched(state.questions, id, change),
});
