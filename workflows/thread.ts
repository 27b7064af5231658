import {
  type NewEvent,
  type RunState,
  type StepKind,
  stepId,
  type ThreadRef,
} from "@headrace/domain";
import { Annotation, interrupt } from "@langchain/langgraph";
import type { ResultOf, StepRequest, WorkflowPorts } from "./ports.ts";

const last = <T>(initial: () => T) =>
  Annotation<T>({ reducer: (_old: T, next: T) => next, default: initial });

/** What every thread knows of itself; the rest a node reads from rows. */
export const threadState = {
  run: Annotation<string>(),
  kind: Annotation<ThreadRef["kind"]>(),
  id: Annotation<string>(),
};
export const counter = (from: number) => last<number>(() => from);
export const value = <T>() => last<T | undefined>(() => undefined);

/**
 * Parks the thread until a row it waits for changes. The value is ignored: the node reads rows again when it is
 * woken, so a wake-up delivered twice, or for nothing, does no harm.
 */
export const park = (why: string): never => {
  interrupt(why);
  throw new Error(`a wake-up carried a value into ${why}: threads are woken by invoke(null) only`);
};

/** The step's result, or the request for it and a parked thread. */
export const stepResult = async <K extends StepKind>(
  ports: WorkflowPorts,
  thread: ThreadRef,
  request: StepRequest & { input: { kind: K } },
): Promise<ResultOf<K>> => {
  const id = stepId(thread.run, request.subject, request.step);
  const row = (await ports.state(thread.run)).steps[id];
  if (row?.result !== undefined) {
    if (row.result.kind !== request.input.kind)
      throw new Error(`step ${id} holds a ${row.result.kind} result`);
    return row.result as ResultOf<K>;
  }
  if (row === undefined) await ports.request(thread, request);
  return park(id);
};

/** Records events for a task unless the decision says they are there already. */
export const recordFor = (
  ports: WorkflowPorts,
  run: string,
  task: string,
  decide: (state: RunState) => NewEvent[],
): Promise<void> =>
  ports.record(run, (state) => decide(state).map((event) => ({ ...event, task })));
