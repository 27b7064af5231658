import { isGreen, type RunState, stepId, type TaskRow, Verdict } from "@headrace/domain";
import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import type { BaseCheckpointSaver } from "@langchain/langgraph-checkpoint";
import { askPerson } from "./ask-person.ts";
import { coderBrief, researcherBrief, reviewerBrief } from "./briefs.ts";
import { converse } from "./converse.ts";
import { gatesFor } from "./gates-for.ts";
import type { WorkflowPorts } from "./ports.ts";
import { counter, park, recordFor, stepResult, threadState, value } from "./thread.ts";

/**
 * One task from its first attempt to its landing. A red gate, a refused change or a rejected review begins the next
 * attempt with the evidence; so does a return from the merge queue. A question keeps the attempt. A thread that has
 * lost its checkpoint walks through attempts whose rows are there already, and says nothing of them again.
 */
type Node = "prepare" | "code" | "commit" | "verify" | "review" | "queue" | "finish";

const State = Annotation.Root({
  ...threadState,
  attempt: counter(1),
  conversation: counter(1),
  change: value<string>(),
  /** the node after this one */
  next: value<Node>(),
  /** why the task ended, once it has */
  end: value<string>(),
});
type S = typeof State.State;

const thread = (s: S) => ({ run: s.run, kind: "task" as const, id: s.id });

const rowOf = (state: RunState, id: string): TaskRow => {
  const row = state.tasks[id];
  if (row === undefined) throw new Error(`run ${state.run.id} has no task ${id}`);
  return row;
};

const codeStep = (attempt: number, conversation: number): string =>
  conversation === 1 ? `code-${attempt}` : `code-${attempt}-${conversation}`;

const closeAttempt =
  (ports: WorkflowPorts) =>
  (s: S, outcome: "verified" | "red" | "rejected" | "limit" | "conflict", reason: string) =>
    recordFor(ports, s.run, s.id, (state) =>
      rowOf(state, s.id).closedAttempt >= s.attempt
        ? []
        : [
            {
              type: "attempt.finished",
              attempt: s.attempt,
              outcome,
              reason: reason.slice(0, 4000),
            },
          ],
    );

const finishWith = (end: string) => ({ end, next: "finish" as const });

/** The next attempt, or quarantine when there is none left. */
const again =
  (ports: WorkflowPorts) =>
  async (s: S, outcome: "red" | "rejected" | "limit" | "conflict", reason: string) => {
    await closeAttempt(ports)(s, outcome, reason);
    if (s.attempt >= ports.limits.attempts) {
      return finishWith(`${s.attempt} attempts used; the last: ${reason}`);
    }
    return { attempt: s.attempt + 1, conversation: 1, next: "prepare" as const };
  };

const research = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const { task } = rowOf(state, s.id);
  if (task.research === undefined) return {};
  const { result } = await stepResult(ports, thread(s), {
    subject: s.id,
    step: "research",
    task: s.id,
    attempt: 1,
    input: {
      kind: "agent",
      role: "researcher",
      commit: state.run.tip,
      attempt: 1,
      conversation: 1,
      brief: await researcherBrief(ports, state, task),
    },
  });
  // the coder reads the answer; a researcher that found nothing is advice missing, not a task at fault
  if (result.end === "blocked" && result.question !== undefined)
    await askPerson(ports, s.run, {
      question: `${s.id}-q0`,
      text: result.question,
      reason: result.reason,
      task: s.id,
    });
  return {};
};

/** Attempt 1 starts from the tip; a later one from the change before it, merged with the tip of now. */
const prepare = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const before = rowOf(state, s.id).workingChange;
  if (s.attempt > 1 && before !== undefined) {
    await stepResult(ports, thread(s), {
      subject: s.id,
      step: `prepare-${s.attempt}`,
      task: s.id,
      attempt: s.attempt,
      input: { kind: "merge", change: before },
    });
  }
  await recordFor(ports, s.run, s.id, (now) =>
    rowOf(now, s.id).attempts >= s.attempt
      ? []
      : [{ type: "attempt.started", attempt: s.attempt, base: attemptStart(now, s).base }],
  );
  return {};
};

/** Where an attempt's workspace starts, and the commit its change is made on. */
const attemptStart = (
  state: RunState,
  s: S,
): { start: string; base: string; conflicts: string[] } => {
  const result = state.steps[stepId(s.run, s.id, `prepare-${s.attempt}`)]?.result;
  if (result?.kind === "merge") {
    const { merge } = result;
    return {
      start: merge.merged,
      base: merge.tip,
      conflicts: merge.outcome === "conflict" ? merge.files : [],
    };
  }
  const row = rowOf(state, s.id);
  const base = row.attempts === s.attempt ? (row.attemptBase ?? state.run.tip) : state.run.tip;
  return { start: base, base, conflicts: [] };
};

const code = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const row = rowOf(state, s.id);
  const { start, conflicts } = attemptStart(state, s);
  const commit = s.conversation === 1 ? start : (lastSnapshot(state, s) ?? start);
  const { result } = await stepResult(ports, thread(s), {
    subject: s.id,
    step: codeStep(s.attempt, s.conversation),
    task: s.id,
    attempt: s.attempt,
    input: {
      kind: "agent",
      role: "coder",
      environment: row.attemptBase ?? state.run.tip,
      commit,
      attempt: s.attempt,
      conversation: s.conversation,
      permits: row.task.permits,
      brief: await coderBrief(ports, state, row, { attempt: s.attempt, conflicts, commit }),
    },
  });
  if (result.end === "submitted") return { next: "commit" as const };
  if (result.end === "limit") return again(ports)(s, "limit", `${result.limit}: ${result.detail}`);
  if (result.question === undefined) return finishWith(`blocked: ${result.reason}`);
  return ask(ports, s, result.question, result.reason);
};

const lastSnapshot = (state: RunState, s: S): string | undefined => {
  const step = state.steps[stepId(s.run, s.id, codeStep(s.attempt, s.conversation - 1))];
  return step?.result?.kind === "agent" ? step.result.result.snapshot : undefined;
};

/** The same attempt goes on with the answer, in a new conversation. */
const ask = async (ports: WorkflowPorts, s: S, text: string, reason: string) => {
  const question = `${s.id}-q${s.attempt}-${s.conversation}`;
  await askPerson(ports, s.run, { question, text, reason, task: s.id });
  return { conversation: s.conversation + 1, next: "code" as const };
};

/** The factory's own commit of what the coder left; a tree that may not enter goes back with the reasons. */
const commit = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const step = state.steps[stepId(s.run, s.id, codeStep(s.attempt, s.conversation))];
  const end = step?.result?.kind === "agent" ? step.result.result : undefined;
  const row = rowOf(state, s.id);
  if (end?.end !== "submitted" || end.snapshot === undefined || row.attemptBase === undefined) {
    return again(ports)(s, "limit", "the attempt left no snapshot");
  }
  const { change } = await stepResult(ports, thread(s), {
    subject: s.id,
    step: `change-${s.attempt}`,
    task: s.id,
    attempt: s.attempt,
    input: {
      kind: "change",
      snapshot: end.snapshot,
      base: row.attemptBase,
      summary: summaryOf(end.output, row.task.title),
    },
  });
  if (change.outcome === "made") return { change: change.commit, next: "verify" as const };
  return again(ports)(s, "red", `the change was refused: ${change.reasons.join("; ")}`);
};

const summaryOf = (output: unknown, fallback: string): string => {
  const summary = (output as { summary?: unknown } | null)?.summary;
  return typeof summary === "string" && summary.trim() !== "" ? summary : fallback;
};

const verify = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const row = rowOf(state, s.id);
  const landingBase = row.attemptBase ?? state.run.tip;
  const { receipt } = await stepResult(ports, thread(s), {
    subject: s.id,
    step: `verify-${s.attempt}`,
    task: s.id,
    attempt: s.attempt,
    input: {
      kind: "verify",
      commit: s.change ?? "",
      landingBase,
      gates: gatesFor(state, s.id, landingBase),
      permits: row.task.permits,
    },
  });
  if (isGreen(receipt)) return { next: "review" as const };
  const red = receipt.results.filter((r) => r.verdict !== "pass");
  return again(ports)(
    s,
    "red",
    red.map((r) => `gate ${r.gate}: ${r.reason}`).join("; ") || "no gate applied",
  );
};

const review = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const row = rowOf(state, s.id);
  const change = s.change ?? "";
  const request = {
    subject: s.id,
    step: `review-${s.attempt}`,
    task: s.id,
    attempt: s.attempt,
    input: {
      kind: "agent" as const,
      role: "reviewer" as const,
      // with the gates green, what they ran in has been set up from the change already
      environment: row.task.permits.includes("lockfile")
        ? change
        : (row.attemptBase ?? state.run.tip),
      commit: change,
      attempt: s.attempt,
    },
  };
  const result = await converse(ports, thread(s), request, (now) =>
    reviewerBrief(ports, now, rowOf(now, s.id), { change, attempt: s.attempt }),
  );
  if (result.end === "blocked") return finishWith(`the review was blocked: ${result.reason}`);
  if (result.end === "limit")
    return again(ports)(s, "rejected", `the review did not come to a verdict: ${result.detail}`);
  const verdict = Verdict.parse(result.output);
  await recordFor(ports, s.run, s.id, (now) =>
    rowOf(now, s.id).reviewedAttempt >= s.attempt
      ? []
      : [{ type: "review.finished", stage: "change", attempt: s.attempt, verdict }],
  );
  if (verdict.decision === "approve") return { next: "queue" as const };
  return again(ports)(s, "rejected", `review: ${verdict.summary}`);
};

/** Into the merge queue, and waiting there: landed, or back with a reason. */
const queue = (ports: WorkflowPorts) => async (s: S) => {
  await closeAttempt(ports)(s, "verified", "gates green, review approved");
  await recordFor(ports, s.run, s.id, (state) => {
    const row = rowOf(state, s.id);
    return row.queuedAttempt >= s.attempt || s.change === undefined
      ? []
      : [{ type: "task.queued", attempt: s.attempt, change: s.change }];
  });
  const row = rowOf(await ports.state(s.run), s.id);
  if (row.status === "landed") return finishWith("landed");
  if (row.status === "queued" && row.queuedAttempt === s.attempt) return park(`landing of ${s.id}`);
  return again(ports)(s, "conflict", row.reason ?? "came back from the merge queue");
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
