import type { EventOf, RunState, StepRow } from "../run-state.ts";
import type { StepInput, StepResult } from "../steps.ts";
import { type Folds, setStep, setTask } from "./types.ts";

/** What a step does, in words a person reads beside its task. */
const describe = (input: StepInput): string => {
  if (input.kind !== "agent") return input.kind;
  const names = {
    planner: "plan",
    researcher: "research",
    coder: "code",
    reviewer: "review",
    merger: "resolve",
  };
  return names[input.role];
};

const requested = (s: RunState, e: EventOf<"step.requested">): RunState => {
  const step: StepRow = {
    id: e.step,
    subject: e.subject,
    ...(e.task === undefined ? {} : { task: e.task }),
    ...(e.attempt === undefined ? {} : { attempt: e.attempt }),
    ...(e.input.kind === "agent" ? { role: e.input.role } : {}),
    thread: e.thread,
    input: e.input,
    requestedAt: e.at,
    dispatch: 0,
    lost: 0,
  };
  const steps = { ...s.steps, [e.step]: step };
  const task = e.task === undefined ? undefined : s.tasks[e.task];
  if (task === undefined) return { ...s, steps };
  return { ...s, steps, tasks: { ...s.tasks, [task.id]: { ...task, doing: describe(e.input) } } };
};

/** The commit in which a finished step left its task's work, if it did. */
const workOf = (step: StepRow, result: StepResult): string | undefined => {
  if (step.thread.kind !== "task") return undefined;
  if (result.kind === "change" && result.change.outcome === "made") return result.change.commit;
  return result.kind === "agent" && step.role === "coder" ? result.result.snapshot : undefined;
};

const finished = (s: RunState, e: EventOf<"step.finished">): RunState => {
  const next = setStep(s, e.step, { result: e.result, finishedAt: e.at });
  const step = next.steps[e.step];
  const work = step && workOf(step, e.result);
  return work === undefined ? next : setTask(next, step?.task, { workingChange: work });
};

const thread = (s: RunState, e: EventOf<"thread.started" | "thread.finished">): RunState => {
  const key = `${e.kind}/${e.id}`;
  const members = e.type === "thread.started" ? e.members : s.threads[key]?.members;
  const row = { ...s.threads[key], kind: e.kind, id: e.id, finished: e.type === "thread.finished" };
  const thread = members === undefined ? row : { ...row, members };
  return { ...s, threads: { ...s.threads, [key]: thread } };
};

export const foldSteps: Folds<
  | "thread.started"
  | "thread.finished"
  | "step.requested"
  | "step.dispatched"
  | "step.deferred"
  | "step.finished"
> = {
  "thread.started": thread,
  "thread.finished": thread,
  "step.requested": requested,
  "step.dispatched": (s, e) => {
    const { deferred: _, ...row } = s.steps[e.step] ?? {};
    const steps = { ...s.steps, [e.step]: row as StepRow };
    const lost = (s.steps[e.step]?.lost ?? 0) + (e.lost ? 1 : 0);
    return setStep({ ...s, steps }, e.step, { dispatch: e.dispatch, lost });
  },
  "step.deferred": (s, e) => setStep(s, e.step, { deferred: { until: e.until, reason: e.reason } }),
  "step.finished": finished,
};
