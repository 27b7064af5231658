import { type RunState, stepId } from "@headrace/domain";
import { askPerson } from "../ask-person.ts";
import { coderBrief, researcherBrief } from "../briefs.ts";
import { nextConversation } from "../handoff.ts";
import type { WorkflowPorts } from "../ports.ts";
import { recordFor, stepResult } from "../thread.ts";
import { again, finishWith, inAttempt, rowOf, type S, thread, workOf } from "./attempt.ts";

/** What the coder should know first, where the plan asks for it. */
export const research = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const { task } = rowOf(state, s.id);
  if (task.research === undefined) return {};
  const { result } = await stepResult(ports, thread(s), {
    ...inAttempt(s, "research"),
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

/**
 * Attempt 1 starts from the tip; a later one from the change before it, merged with the tip of now. One that has begun
 * is left as it did: the work of now may be its own.
 */
export const prepare = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const row = rowOf(state, s.id);
  const before = workOf(row);
  if (s.attempt > Math.max(1, row.attempts) && before !== undefined) {
    await stepResult(ports, thread(s), {
      ...inAttempt(s, `prepare-${s.attempt}`),
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

const codeStep = (attempt: number, conversation: number): string =>
  conversation === 1 ? `code-${attempt}` : `code-${attempt}-${conversation}`;

export const code = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const row = rowOf(state, s.id);
  const { start, base, conflicts } = attemptStart(state, s);
  const commit = s.conversation === 1 ? start : (lastSnapshot(state, s) ?? start);
  const steps = Array.from({ length: s.conversation - 1 }, (_, i) => codeStep(s.attempt, i + 1));
  const next = await nextConversation(
    state,
    { subject: s.id, steps },
    {
      brief: () => coderBrief(ports, state, row, { attempt: s.attempt, conflicts, commit }),
      changed: () => changedFiles(ports, s.run, base, commit),
    },
  );
  const { result } = await stepResult(ports, thread(s), {
    ...inAttempt(s, codeStep(s.attempt, s.conversation)),
    input: {
      kind: "agent",
      role: "coder",
      environment: row.attemptBase ?? state.run.tip,
      commit,
      attempt: s.attempt,
      conversation: s.conversation,
      permits: row.task.permits,
      ...next,
    },
  });
  if (result.end === "submitted") return { next: "commit" as const };
  // the same attempt goes on in a new conversation, from where this one stopped
  if (result.end === "handoff") return { conversation: s.conversation + 1, next: "code" as const };
  if (result.end === "limit") return again(ports, s, "limit", `${result.limit}: ${result.detail}`);
  if (result.question === undefined) return finishWith(`blocked: ${result.reason}`);
  return ask(ports, s, result.question, result.reason);
};

/** What the factory sees of the work so far. */
const changedFiles = async (
  ports: WorkflowPorts,
  run: string,
  from: string,
  to: string,
): Promise<string[]> => {
  const files = await ports.diffStat(run, from, to);
  const shown = files.slice(0, MOST_FILES).map(({ path, added, removed }) => {
    const lines = added === null ? "binary" : `+${added} -${removed ?? 0}`;
    return `${path.slice(0, MOST_CHARS)} ${lines}`;
  });
  const more = files.length - shown.length;
  return more === 0 ? shown : [...shown, `and ${more} more`];
};
const MOST_FILES = 59;
const MOST_CHARS = 250;

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
export const commit = (ports: WorkflowPorts) => async (s: S) => {
  const state = await ports.state(s.run);
  const step = state.steps[stepId(s.run, s.id, codeStep(s.attempt, s.conversation))];
  const end = step?.result?.kind === "agent" ? step.result.result : undefined;
  const row = rowOf(state, s.id);
  if (end?.end !== "submitted" || end.snapshot === undefined || row.attemptBase === undefined) {
    return again(ports, s, "limit", "the attempt left no snapshot");
  }
  const { change } = await stepResult(ports, thread(s), {
    ...inAttempt(s, `change-${s.attempt}`),
    input: {
      kind: "change",
      snapshot: end.snapshot,
      base: row.attemptBase,
      ...joinsOf(state, s),
      summary: summaryOf(end.output, row.task.title),
    },
  });
  if (change.outcome === "made") return { change: change.commit, next: "verify" as const };
  return again(ports, s, "red", `the change was refused: ${change.reasons.join("; ")}`);
};

/** Work that did not merge when attempts since the last landing began: its author has joined it with what landed. */
const joinsOf = (state: RunState, s: S) => {
  const { queuedAttempt } = rowOf(state, s.id);
  const attempts = Array.from(
    { length: s.attempt - queuedAttempt },
    (_, i) => queuedAttempt + 1 + i,
  );
  const joins = attempts.flatMap((attempt) => {
    const step = state.steps[stepId(s.run, s.id, `prepare-${attempt}`)];
    if (step?.input.kind !== "merge" || step.result?.kind !== "merge") return [];
    const { merge } = step.result;
    return merge.outcome === "conflict" ? [{ theirs: step.input.change, files: merge.files }] : [];
  });
  return joins.length === 0 ? {} : { joins };
};

const summaryOf = (output: unknown, fallback: string): string => {
  const summary = (output as { summary?: unknown } | null)?.summary;
  return typeof summary === "string" && summary.trim() !== "" ? summary : fallback;
};
