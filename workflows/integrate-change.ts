import {
  integrationBranch,
  isRunning,
  type Member,
  type RunState,
  type StackedMember,
} from "@headrace/domain";
import { END, START, StateGraph } from "@langchain/langgraph";
import type { BaseCheckpointSaver } from "@langchain/langgraph-checkpoint";
import {
  inRound,
  membersOf,
  type Node,
  type S,
  State,
  stackOf,
  thread,
} from "./integrate-change/batch.ts";
import { resolve } from "./integrate-change/resolve.ts";
import { verify } from "./integrate-change/verify.ts";
import type { WorkflowPorts } from "./ports.ts";
import { park, recordFor, stepResult } from "./thread.ts";

/** The thread of a batch. */
export const landingId = (members: readonly [Member, ...Member[]]): string =>
  `${members[0].task}-${members[0].attempt}`;

const stack = (ports: WorkflowPorts) => async (s: S) => {
  const members = membersOf(await ports.state(s.run), s);
  const result = await stepResult(ports, thread(s), {
    ...inRound(members, s, "stack"),
    input: { kind: "stack", members },
  });
  const { tip, conflict, members: stacked } = result.stack;
  return {
    tip,
    stacked,
    returned: null,
    next: conflict === undefined ? ("verify" as const) : ("resolve" as const),
  };
};

const land = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const { conflict } = stackOf(state, s);
  const { land: landed } = await stepResult(ports, thread(s), {
    ...inRound(membersOf(state, s), s, "land"),
    input: {
      kind: "land",
      members: (s.stacked ?? []).slice(0, s.lands).map(memberOf),
      tip: s.tip ?? "",
      receipt: s.receipt ?? "",
      ...(conflict === undefined ? {} : { resolved: conflict.files }),
    },
  });
  if (landed.outcome === "landed") return { next: "finish" as const };
  if (s.round % PATIENCE === 0) await untilMended(ports, s);
  return { round: s.round + 1, next: "stack" as const };
};

const memberOf = ({ task, attempt, change, merged, united }: StackedMember): StackedMember => ({
  ...{ task, attempt, change, merged },
  ...(united === undefined ? {} : { united }),
});

/** Rounds that may be lost in a row to somebody else who moves the branch: each cost a verification. */
const PATIENCE = 8;

/** Only the factory has any business there. A person finds out who else it is, and resumes the run. */
const untilMended = async (ports: WorkflowPorts, s: S): Promise<void> => {
  const isTold = ({ threads }: RunState) => (threads[`landing/${s.id}`]?.contended ?? 0) >= s.round;
  await ports.record(s.run, (state) => {
    if (isTold(state) || !isRunning(state.run.status)) return [];
    const reason = `somebody else has moved ${integrationBranch(s.run)} ${PATIENCE} times, each time before ${s.id} could land on it. Only the factory may write that branch of its own repository: end what else does, then resume the run`;
    return [
      { type: "merge.contended", landing: s.id, round: s.round },
      { type: "run.paused", reason },
    ];
  });
  const state = await ports.state(s.run);
  if (!isTold(state) || !isRunning(state.run.status)) park(`the branch of ${s.run}`);
};

const finish = (ports: WorkflowPorts) => async (s: S) => {
  if (!s.returned) return {};
  const { task, attempt, reason, ...evidence } = s.returned;
  await recordFor(ports, s.run, task, (state) => {
    const row = state.tasks[task];
    return row?.status === "queued" && row.queuedAttempt === attempt
      ? [{ type: "task.returned", reason: reason.slice(0, 4000), ...evidence }]
      : [];
  });
  return {};
};

const onward = (s: S): Node => s.next ?? "finish";

/**
 * One batch of queued changes onto the integration branch. Only one such thread runs at a time, so the tip moves under
 * it only when someone else wrote the ref; then it stacks and verifies again. A thread is named after the first of its
 * members, `<task>-<queued attempt>`, and so are its steps.
 */
export const integrateChange = (ports: WorkflowPorts, checkpointer: BaseCheckpointSaver) =>
  new StateGraph(State)
    .addNode("stack", stack(ports))
    .addNode("resolve", resolve(ports))
    .addNode("verify", verify(ports))
    .addNode("land", land(ports))
    .addNode("finish", finish(ports))
    .addEdge(START, "stack")
    .addConditionalEdges("stack", onward, ["verify", "resolve"])
    .addConditionalEdges("resolve", onward, ["verify", "finish"])
    .addConditionalEdges("verify", onward, ["stack", "land", "finish"])
    .addConditionalEdges("land", onward, ["stack", "finish"])
    .addEdge("finish", END)
    .compile({ checkpointer, name: "integrate-change" });
