import type { Member, Rung, RunState, StackedMember, TaskRow } from "@headrace/domain";
import { stepId } from "@headrace/domain";
import { Annotation } from "@langchain/langgraph";
import type { ResultOf } from "../ports.ts";
import { counter, threadState, value } from "../thread.ts";

export type Node = "stack" | "resolve" | "verify" | "land" | "finish";

export type Returned = {
  task: string;
  attempt: number;
  reason: string;
  receipt?: string;
  /** what its conflict comes to */
  rung?: Rung;
};

export const State = Annotation.Root({
  ...threadState,
  round: counter(1),
  /** what is verified, in order */
  stacked: value<StackedMember[]>(),
  tip: value<string>(),
  /** how many of them land, and the receipt of their tree */
  lands: counter(0),
  receipt: value<string>(),
  returned: value<Returned | null>(),
  /** what joined the two sides of the only member's conflict in this round */
  resolvedBy: value<Rung>(),
  next: value<Node>(),
});
export type S = typeof State.State;

export const thread = (s: S) => ({ run: s.run, kind: "landing" as const, id: s.id });

/** The thread's batch; one from before there were batches is named after its only member. */
export const membersOf = (state: RunState, s: S): [Member, ...Member[]] => {
  const [first, ...more] = state.threads[`landing/${s.id}`]?.members ?? [];
  if (first !== undefined) return [first, ...more];
  const at = s.id.lastIndexOf("-");
  const row = state.tasks[s.id.slice(0, at)];
  if (row?.change === undefined) throw new Error(`landing ${s.id} has no change`);
  return [{ task: row.id, attempt: Number(s.id.slice(at + 1)), change: row.change }];
};

export const rowOf = (state: RunState, task: string): TaskRow => {
  const row = state.tasks[task];
  if (row === undefined) throw new Error(`run ${state.run.id} has no task ${task}`);
  return row;
};

/** A step of this round, less what goes into it. */
export const inRound = (
  [{ task, attempt }]: readonly [Member, ...Member[]],
  s: S,
  what: string,
) => ({
  subject: task,
  step: `${what}-${attempt}-${s.round}`,
  task,
  attempt,
});

/** What the stack of this round came to. */
export const stackOf = (state: RunState, s: S): ResultOf<"stack">["stack"] => {
  const { subject, step } = inRound(membersOf(state, s), s, "stack");
  const result = state.steps[stepId(s.run, subject, step)]?.result;
  if (result?.kind !== "stack") throw new Error(`landing ${s.id} has stacked nothing`);
  return result.stack;
};
