import { RUNG_WORDS } from "@headrace/domain";
import { END, START, StateGraph } from "@langchain/langgraph";
import type { BaseCheckpointSaver } from "@langchain/langgraph-checkpoint";
import {
  again,
  closeAttempt,
  finishWith,
  type Node,
  rowOf,
  type S,
  State,
} from "./build-task/attempt.ts";
import { review, verify } from "./build-task/judge.ts";
import { code, commit, prepare, research } from "./build-task/work.ts";
import type { WorkflowPorts } from "./ports.ts";
import { park, recordFor } from "./thread.ts";

/** Into the merge queue, and waiting there: landed, or back with a reason. */
const queue = (ports: WorkflowPorts) => async (s: S) => {
  await closeAttempt(ports, s, "verified", "gates green, review approved");
  await recordFor(ports, s.run, s.id, (state) => {
    const row = rowOf(state, s.id);
    return row.queuedAttempt >= s.attempt || s.change === undefined
      ? []
      : [{ type: "task.queued", attempt: s.attempt, change: s.change }];
  });
  const row = rowOf(await ports.state(s.run), s.id);
  if (row.status === "landed") return finishWith("landed");
  if (row.status === "queued" && row.queuedAttempt === s.attempt) return park(`landing of ${s.id}`);
  const reason = row.reason ?? "came back from the merge queue";
  const { attempt, rung } = row.returned ?? {};
  if (attempt === s.attempt && rung === "quarantine")
    return finishWith(`${RUNG_WORDS.quarantine}: ${reason}`);
  return again(ports, s, "conflict", reason);
};

const finish = (ports: WorkflowPorts) => async (s: S) => {
  if (s.end === "landed") return {};
  await recordFor(ports, s.run, s.id, (state) => {
    const row = rowOf(state, s.id);
    if (row.status === "quarantined" || row.status === "landed") return [];
    const snapshot = row.workingChange;
    const reason = (s.end ?? "unknown").slice(0, 4000);
    return [{ type: "task.quarantined", reason, ...(snapshot === undefined ? {} : { snapshot }) }];
  });
  return {};
};

const onward = (s: S): Node => s.next ?? "finish";

/**
 * One task from its first attempt to its landing. A red gate, a refused change or a rejected review begins the next
 * attempt with the evidence; so does a return from the merge queue, until nothing is left to try. A question keeps the attempt. A thread that has
 * lost its checkpoint walks through attempts whose rows are there already, and says nothing of them again.
 */
export const buildTask = (ports: WorkflowPorts, checkpointer: BaseCheckpointSaver) =>
  new StateGraph(State)
    .addNode("research", research(ports))
    .addNode("prepare", prepare(ports))
    .addNode("code", code(ports))
    .addNode("commit", commit(ports))
    .addNode("verify", verify(ports))
    .addNode("review", review(ports))
    .addNode("queue", queue(ports))
    .addNode("finish", finish(ports))
    .addEdge(START, "research")
    .addEdge("research", "prepare")
    .addEdge("prepare", "code")
    .addConditionalEdges("code", onward, ["commit", "prepare", "code", "finish"])
    .addConditionalEdges("commit", onward, ["verify", "prepare", "finish"])
    .addConditionalEdges("verify", onward, ["review", "prepare", "finish"])
    .addConditionalEdges("review", onward, ["queue", "prepare", "finish"])
    .addConditionalEdges("queue", onward, ["prepare", "finish"])
    .addEdge("finish", END)
    .compile({ checkpointer, name: "build-task" });
