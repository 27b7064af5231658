import type { RunState, StepRow, TaskRow } from "../run-state.ts";
import { type AgentEnd, stepId } from "../steps.ts";

/** How the conversation of a step ended; undefined where it did not come to an end, or is none. */
export const endOf = ({ result }: StepRow): AgentEnd | undefined =>
  result?.kind === "agent" ? result.result : undefined;

/** Attempts of a task that were sent to the merge queue and taken up there. */
const mergedAttempts = ({ threads }: RunState, task: string): number[] =>
  Object.values(threads).flatMap(({ kind, id, members }) => {
    if (kind !== "landing") return [];
    // a landing from before there were batches is named after its only member
    const end = id.lastIndexOf("-");
    if (members === undefined) return id.slice(0, end) === task ? [Number(id.slice(end + 1))] : [];
    return members.filter((member) => member.task === task).map(({ attempt }) => attempt);
  });

/** An attempt goes on from the work before it, for which a step was asked for, unless that is done anew. */
const beginsAnew = ({ run, steps }: RunState, task: string, attempt: number): boolean =>
  steps[stepId(run.id, task, `prepare-${attempt}`)] === undefined;

/** The gates and the reviewer had nothing against this attempt: only others' landings could send it back. */
export const wasApproved = (state: RunState, task: string, attempt: number): boolean =>
  mergedAttempts(state, task).includes(attempt);

/** Whether an attempt only makes work fit that was approved, and that others' landings have overtaken. */
export const isRedo = (state: RunState, task: string, attempt: number): boolean => {
  const approved = Math.max(0, ...mergedAttempts(state, task).filter((one) => one < attempt));
  if (approved === 0) return false;
  const since = Array.from({ length: attempt - approved }, (_, i) => approved + 1 + i);
  return !since.some((one) => beginsAnew(state, task, one));
};

/** Between which commits an attempt did its work; undefined where it left none. */
export type OwnWork = { attempt: number; from: string; to: string };

const ownWork = (state: RunState, task: string, attempt: number): OwnWork | undefined => {
  const steps = Object.values(state.steps).filter(
    (step) => step.task === task && step.attempt === attempt && step.thread.kind === "task",
  );
  const coding = steps.filter(({ role }) => role === "coder");
  const made = steps.flatMap(({ result }) =>
    result?.kind === "change" && result.change.outcome === "made" ? [result.change.commit] : [],
  );
  const from = coding[0]?.input;
  const to = made.at(-1) ?? coding.flatMap((step) => endOf(step)?.snapshot ?? []).at(-1);
  return from?.kind === "agent" && to !== undefined
    ? { attempt, from: from.commit, to }
    : undefined;
};

/** What each attempt of a task did itself, less what it began from. */
export const ownWorks = (state: RunState, { id, attempts }: TaskRow): OwnWork[] =>
  Array.from({ length: attempts }, (_, i) => ownWork(state, id, i + 1)).flatMap(
    (work) => work ?? [],
  );
