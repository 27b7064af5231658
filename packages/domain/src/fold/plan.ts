import { projected, readConsent } from "../consent.ts";
import type { EventOf, PlanRow, RunState, TaskRow } from "../run-state.ts";
import { NO_USAGE } from "../usage.ts";
import { type Folds, setQuestion, setRun, setTask, unchanged } from "./types.ts";

const setPlan = (s: RunState, version: number, change: Partial<PlanRow>): RunState => {
  const row: PlanRow = s.plans[version] ?? {
    version,
    status: "proposed",
    reasons: [],
    proposedRound: 0,
    rejectedRound: 0,
    criticisedRound: 0,
  };
  return { ...s, plans: { ...s.plans, [version]: { ...row, ...change } } };
};

/** Landed work stays; tasks the new version no longer names are dropped; the others start blocked. */
const accepted = (s: RunState, e: EventOf<"plan.accepted">): RunState => {
  const plan = s.plans[e.version]?.plan;
  if (plan === undefined) throw new Error(`no plan version ${e.version}`);
  const tasks: Record<string, TaskRow> = {};
  const named = new Set(plan.tasks.map((t) => t.id));
  for (const row of Object.values(s.tasks)) {
    const open = row.status !== "landed" && row.status !== "quarantined";
    tasks[row.id] = open && !named.has(row.id) ? { ...row, status: "dropped" } : row;
  }
  for (const task of plan.tasks) {
    const old = tasks[task.id];
    tasks[task.id] = old
      ? old.status === "blocked"
        ? { ...old, task, plan: e.version }
        : old
      : {
          id: task.id,
          task,
          plan: e.version,
          status: "blocked",
          attempts: 0,
          closedAttempt: 0,
          reviewedAttempt: 0,
          queuedAttempt: 0,
          returns: 0,
          spent: 0,
          usage: NO_USAGE,
          models: [],
        };
  }
  const withPlan = setPlan({ ...s, tasks }, e.version, {
    status: "accepted",
    ...(e.preview === undefined ? {} : { preview: e.preview }),
  });
  return setRun(withPlan, {
    planVersion: e.version,
    requirements: e.requirements,
    policy: e.policy,
    policyHash: e.policyHash,
  });
};

/** What was projected when a person said yes is what they agreed to; a later plan is held against it. */
const consented = (s: RunState, answer: string): RunState => {
  const projection = projected(s);
  const no = readConsent(answer)?.kind === "no";
  return no || projection === undefined ? s : setRun(s, { consented: projection });
};

export const foldPlan: Folds<
  | "plan.proposed"
  | "plan.rejected"
  | "plan.accepted"
  | "research.finished"
  | "review.finished"
  | "question.asked"
  | "question.answered"
> = {
  "plan.proposed": (s, e) =>
    setPlan(s, e.plan.version, {
      plan: e.plan,
      status: "proposed",
      reasons: [],
      proposedRound: e.round,
    }),
  "plan.rejected": (s, e) =>
    setPlan(s, e.version, { status: "rejected", reasons: e.reasons, rejectedRound: e.round }),
  "plan.accepted": accepted,
  "research.finished": unchanged,
  "review.finished": (s, e) =>
    e.stage === "change"
      ? setTask(s, e.task, { reviewedAttempt: e.attempt ?? 0 })
      : setPlan(s, e.attempt ?? 1, { criticisedRound: e.round ?? 1 }),
  "question.asked": (s, e) => {
    const question = {
      id: e.question,
      ...(e.task === undefined ? {} : { task: e.task }),
      text: e.text,
      reason: e.reason,
      ...(e.about === undefined ? {} : { about: e.about }),
      askedAt: e.at,
    };
    const next = { ...s, questions: { ...s.questions, [e.question]: question } };
    return e.task === undefined ? next : setTask(next, e.task, { status: "waiting" });
  },
  "question.answered": (s, e) => {
    const next = setQuestion(s, e.question, { answer: e.text });
    if (s.questions[e.question]?.about === "consent") return consented(next, e.text);
    return e.task === undefined ? next : setTask(next, e.task, { status: "building" });
  },
};
