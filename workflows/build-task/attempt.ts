import { extraAttempts, type RunState, type TaskRow } from "@headrace/domain";
import { Annotation } from "@langchain/langgraph";
import type { WorkflowPorts } from "../ports.ts";
import { counter, recordFor, threadState, value } from "../thread.ts";

export type Node = "prepare" | "code" | "commit" | "verify" | "review" | "queue" | "finish";

export const State = Annotation.Root({
  ...threadState,
  attempt: counter(1),
  conversation: counter(1),
  change: value<string>(),
  /** the node after this one */
  next: value<Node>(),
  /** why the task ended, once it has */
  end: value<string>(),
});
export type S = typeof State.State;

export const thread = (s: S) => ({ run: s.run, kind: "task" as const, id: s.id });

export const rowOf = (state: RunState, id: string): TaskRow => {
  const row = state.tasks[id];
  if (row === undefined) throw new Error(`run ${state.run.id} has no task ${id}`);
  return row;
};

/** A step of this attempt, less what goes into it. */
export const inAttempt = (s: S, step: string) => ({
  subject: s.id,
  step,
  task: s.id,
  attempt: s.attempt,
});

export const closeAttempt = (
  ports: WorkflowPorts,
  s: S,
  outcome: "verified" | "red" | "rejected" | "limit" | "conflict",
  reason: string,
): Promise<void> =>
  recordFor(ports, s.run, s.id, (state) =>
    rowOf(state, s.id).closedAttempt >= s.attempt
      ? []
      : [{ type: "attempt.finished", attempt: s.attempt, outcome, reason: reason.slice(0, 4000) }],
  );

export const finishWith = (end: string) => ({ end, next: "finish" as const });

/** The work a next attempt goes on from; none where it is to be done anew. */
export const workOf = ({ workingChange, discarded }: TaskRow): string | undefined =>
  workingChange === discarded ? undefined : workingChange;

/** The next attempt, or quarantine when there is none left. */
export const again = async (
  ports: WorkflowPorts,
  s: S,
  outcome: "red" | "rejected" | "limit" | "conflict",
  reason: string,
) => {
  await closeAttempt(ports, s, outcome, reason);
  const { rungs = [] } = rowOf(await ports.state(s.run), s.id);
  if (s.attempt >= ports.limits.attempts + extraAttempts(rungs)) {
    return finishWith(`${s.attempt} attempts used; the last: ${reason}`);
  }
  return { attempt: s.attempt + 1, conversation: 1, next: "prepare" as const };
};
