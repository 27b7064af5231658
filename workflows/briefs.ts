import type {
  CoderBrief,
  MergerBrief,
  PlannerBrief,
  ResearcherBrief,
  ReviewerBrief,
} from "@headrace/agents";
import {
  applicableGates,
  type Brief,
  landedTasks,
  type PlanVersion,
  planPolicy,
  type RunState,
  stepId,
  type Task,
  type TaskRow,
} from "@headrace/domain";
import { z } from "zod";
import { workOf } from "./build-task/attempt.ts";
import {
  besideOf,
  clashesOf,
  discardedOf,
  landedSince,
  previousBase,
  sidesOf,
} from "./conflict-facts.ts";
import { evidenceOf } from "./evidence.ts";
import { noticedIn } from "./noticed.ts";
import type { WorkflowPorts } from "./ports.ts";
import { workspaceOf } from "./workspace.ts";

/**
 * What each role is told, from rows alone: a brief is written into the step's request, so a resumed conversation
 * starts with the same bytes. A brief is plain JSON; the role's own schema reads it.
 */
const brief = (value: object): Brief =>
  z.record(z.string(), z.unknown()).parse(JSON.parse(JSON.stringify(value)));

const ALL = Number.MAX_SAFE_INTEGER;

/** The plan's summary, how it reads the spec, and its other tasks, so that nobody builds or misses another's part. */
const planText = (state: RunState, { id }: Task): string => {
  const plan = state.plans[state.run.planVersion]?.plan;
  if (plan === undefined) return "";
  const others = plan.tasks.filter((task) => task.id !== id);
  return [
    plan.summary,
    ...(plan.ambiguities ?? []).map(({ question, answer }) => `\n${question} ${answer}`),
    ...(others.length === 0 ? [] : ["\nOther tasks, each built by somebody else:"]),
    ...others.map((task) => `- ${task.id}: ${task.title}`),
  ].join("\n");
};

const requirementsFor = (state: RunState, task: Task) =>
  state.run.requirements
    .filter((r) => task.requirements.includes(r.id))
    .map(({ id, text }) => ({ id, text }));

const gatesAt = (state: RunState, ...also: string[]) =>
  applicableGates(state.run.policy, new Set([...landedTasks(state), ...also])).map(
    ({ name, run }) => ({ name, run }),
  );

const landedFacts = (state: RunState) =>
  [...landedTasks(state)].flatMap((id) => {
    const task = state.tasks[id]?.task;
    return task ? [{ id, title: task.title, description: task.description }] : [];
  });

const unmetIn = ({ run }: RunState) =>
  (run.acceptance?.results ?? [])
    .filter((r) => !r.met)
    .map(({ requirement, reason }) => ({ requirement, reason }));

const answersFor = (state: RunState, task: string | undefined) =>
  Object.values(state.questions)
    .filter((q) => q.task === task && q.answer !== undefined && q.about === undefined)
    .map((q) => ({ question: q.text, answer: q.answer ?? "" }));

export const plannerBrief = async (
  ports: WorkflowPorts,
  state: RunState,
  round: { reasons: readonly string[]; previous: PlanVersion | undefined },
): Promise<Brief> => {
  const { run } = state;
  const planning: PlannerBrief = {
    title: run.title,
    spec: await ports.text(run.spec, ALL),
    requirements: run.requirements,
    constraints: run.constraints,
    policy: run.policy,
    tasks: Object.values(state.tasks).map((t) => ({
      id: t.id,
      status: t.status,
      task: t.task,
      ...(t.reason === undefined ? {} : { reason: t.reason }),
    })),
    unmet: unmetIn(state),
    ...(round.reasons.length === 0
      ? {}
      : {
          rejected: {
            reasons: [...round.reasons],
            ...(round.previous ? { plan: round.previous } : {}),
          },
        }),
    answers: answersFor(state, undefined),
  };
  return brief(planning);
};

export const critiqueBrief = async (
  ports: WorkflowPorts,
  state: RunState,
  plan: PlanVersion,
): Promise<Brief> => {
  const { gates, setup } = planPolicy(state.run.policy, plan);
  const critique: ReviewerBrief = {
    stage: "plan",
    title: state.run.title,
    spec: await ports.text(state.run.spec, ALL),
    requirements: (state.run.requirements.length > 0
      ? state.run.requirements
      : plan.requirements
    ).map(({ id, text }) => ({ id, text })),
    constraints: state.run.constraints,
    plan,
    gates,
    setup,
    landed: landedFacts(state).map(({ id, title }) => ({ id, title })),
    unmet: unmetIn(state),
    workspace: await workspaceOf(ports, state, state.run.tip),
  };
  return brief(critique);
};

export const researcherBrief = async (
  ports: WorkflowPorts,
  state: RunState,
  task: Task,
): Promise<Brief> => {
  const research: ResearcherBrief = {
    task,
    question: task.research ?? task.description,
    plan: planText(state, task),
    requirements: requirementsFor(state, task),
    gates: gatesAt(state, task.id),
    workspace: await workspaceOf(ports, state, state.run.tip),
  };
  return brief(research);
};

/** The researcher's finding as the coder reads it. */
const researchOf = (state: RunState, task: string): string | undefined => {
  const result = state.steps[stepId(state.run.id, task, "research")]?.result;
  if (result?.kind !== "agent" || result.result.end !== "submitted") return undefined;
  const { summary, facts, recommendations } = RESEARCH.parse(result.result.output);
  return [
    summary,
    ...facts.map((f) => `- ${f.statement} (${f.source.file}: ${f.source.quote})`),
    ...recommendations.map((r) => `- ${r}`),
  ].join("\n");
};

const RESEARCH = z.object({
  summary: z.string(),
  facts: z
    .array(
      z.object({
        statement: z.string(),
        source: z.object({ file: z.string(), quote: z.string() }),
      }),
    )
    .default([]),
  recommendations: z.array(z.string()).default([]),
});

export const coderBrief = async (
  ports: WorkflowPorts,
  state: RunState,
  row: TaskRow,
  at: { attempt: number; conflicts: string[]; commit: string },
): Promise<Brief> => {
  const research = researchOf(state, row.id);
  const work = workOf(row);
  const sides = await sidesOf(ports, state, row, at.attempt);
  const discarded = await discardedOf(ports, state, row);
  const previous =
    at.attempt === 1 || work === undefined || row.attemptBase === undefined
      ? undefined
      : {
          diff: await ports.diff(
            state.run.id,
            previousBase(state, row, at.attempt),
            work,
            ports.limits.evidenceBytes,
          ),
          evidence: await evidenceOf(ports, state, row, at.attempt - 1),
        };
  const coding: CoderBrief = {
    task: row.task,
    plan: planText(state, row.task),
    requirements: requirementsFor(state, row.task),
    gates: gatesAt(state, row.id),
    protected: state.run.policy.protected,
    constraints: state.run.constraints,
    ...(research === undefined ? {} : { research }),
    landed: landedFacts(state),
    ...(previous === undefined ? {} : { previous }),
    ...(discarded === undefined ? {} : { discarded }),
    conflicts: at.conflicts,
    ...(sides === undefined ? {} : { sides }),
    beside: besideOf(state, row),
    answers: answersFor(state, row.id),
    workspace: await workspaceOf(ports, state, at.commit),
  };
  return brief(coding);
};

export const reviewerBrief = async (
  ports: WorkflowPorts,
  state: RunState,
  row: TaskRow,
  at: { change: string; attempt: number },
): Promise<Brief> => {
  const { run } = state;
  const verify = state.steps[stepId(run.id, row.id, `verify-${at.attempt}`)]?.result;
  const results = verify?.kind === "verify" ? verify.receipt.results : [];
  const said = SUBMITTED.safeParse(lastOutput(state, row));
  const changing: ReviewerBrief = {
    stage: "change",
    task: row.task,
    plan: planText(state, row.task),
    requirements: requirementsFor(state, row.task),
    constraints: run.constraints,
    gates: gatesAt(state, row.id).flatMap((g) => {
      const result = results.find((r) => r.gate === g.name);
      return result === undefined ? [] : [{ ...g, verdict: result.verdict }];
    }),
    protected: run.policy.protected,
    diff: await ports.diff(
      run.id,
      row.attemptBase ?? run.base,
      at.change,
      4 * ports.limits.evidenceBytes,
    ),
    noticed: [...noticedIn(state, row, at.attempt), ...clashesOf(state, row, at.change)],
    ...(said.success ? said.data : {}),
    earlier: at.attempt === 1 ? [] : await evidenceOf(ports, state, row, at.attempt - 1),
    answers: answersFor(state, row.id),
    workspace: await workspaceOf(ports, state, at.change),
  };
  return brief(changing);
};

const SUBMITTED = z.object({ summary: z.string(), notes: z.string().optional() });

/** What the coder handed in with its newest attempt. */
const lastOutput = (state: RunState, row: TaskRow): unknown => {
  const ends = Object.values(state.steps).filter((s) => s.task === row.id && s.role === "coder");
  const result = ends.at(-1)?.result;
  return result?.kind === "agent" && result.result.end === "submitted"
    ? result.result.output
    : undefined;
};

export const mergerBrief = async (
  ports: WorkflowPorts,
  state: RunState,
  row: TaskRow & { change: string },
  at: { files: string[]; commit: string },
): Promise<Brief> => {
  const base = row.attemptBase ?? state.run.base;
  const max = ports.limits.evidenceBytes;
  const merging: MergerBrief = {
    task: row.task,
    change: await ports.diff(state.run.id, base, row.change, max),
    landed: landedSince(state, base, at.files),
    landedDiff: await ports.diff(state.run.id, base, state.run.tip, max),
    beside: besideOf(state, row),
    files: at.files,
    gates: gatesAt(state, row.id),
    protected: state.run.policy.protected,
    workspace: await workspaceOf(ports, state, at.commit),
  };
  return brief(merging);
};

export const acceptanceBrief = async (ports: WorkflowPorts, state: RunState): Promise<Brief> => {
  const accepting: ReviewerBrief = {
    stage: "acceptance",
    title: state.run.title,
    spec: await ports.text(state.run.spec, ALL),
    requirements: state.run.requirements.map(({ id, text }) => ({ id, text })),
    gates: gatesAt(state),
    landed: landedFacts(state).map(({ id, title }) => ({ id, title })),
    answers: answersFor(state, undefined),
    quarantined: Object.values(state.tasks)
      .filter((t) => t.status === "quarantined")
      .map((t) => ({ id: t.id, title: t.task.title, reason: t.reason ?? "unknown" })),
    workspace: await workspaceOf(ports, state, state.run.tip),
  };
  return brief(accepting);
};
