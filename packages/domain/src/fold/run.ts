import type { EventOf, RunState } from "../run-state.ts";
import { NO_USAGE } from "../usage.ts";
import { type Folds, setRun, unchanged } from "./types.ts";

/** The first state of a run. */
export const submitted = (e: EventOf<"run.submitted">): RunState => ({
  run: {
    id: e.run,
    title: e.title,
    status: "active",
    submittedAt: e.at,
    spec: e.spec,
    guidance: e.guidance,
    constraints: e.constraints,
    requirements: e.requirements,
    base: e.base,
    tip: e.base,
    repo: e.repo,
    policy: e.policy,
    ...(e.plan === undefined ? {} : { givenPlan: e.plan }),
    ...(e.notify === undefined ? {} : { notify: e.notify }),
    model: e.model,
    routes: e.routes,
    ...(e.overrides === undefined ? {} : { overrides: e.overrides }),
    ...(e.limits === undefined ? {} : { limits: e.limits }),
    ...(e.amounts === undefined ? {} : { amounts: e.amounts }),
    budget: e.budget,
    ...(e.merge === undefined ? {} : { merge: e.merge }),
    ...(e.consent === undefined ? {} : { consent: e.consent }),
    ...(e.until === undefined ? {} : { until: e.until }),
    spent: 0,
    calls: 0,
    usage: NO_USAGE,
    budgetWarned: false,
    planVersion: 0,
    acceptedVersion: 0,
    exported: {},
    exportBlocked: [],
    reasons: [],
    lastEventAt: e.at,
    seq: e.seq,
  },
  plans: {},
  tasks: {},
  steps: {},
  threads: {},
  questions: {},
  receipts: {},
});

type RunEvents =
  | "run.upgraded"
  | "run.queued"
  | "run.started"
  | "run.checked"
  | "base.red"
  | "run.paused"
  | "run.resumed"
  | "run.cancelled"
  | "run.failed"
  | "run.completed"
  | "run.incomplete"
  | "run.planned"
  | "acceptance.finished"
  | "export.finished"
  | "export.blocked"
  | "note.added"
  | "log.signed";

export const foldRun: Folds<RunEvents> = {
  "run.upgraded": (s, e) => setRun(s, { amounts: e.amounts }),
  "run.queued": (s, e) => setRun(s, { status: "queued", behind: e.behind }),
  "run.started": (s) => setRun(s, { status: "active" }),
  "run.checked": (s, e) => setRun(s, { checked: e.receipt }),
  "base.red": (s, e) => {
    const others = (s.run.baseRed ?? []).filter(({ gate }) => gate !== e.gate);
    const incident = { gate: e.gate, failing: e.failing, receipt: e.receipt, at: e.at };
    return setRun(s, { baseRed: [...others, incident] });
  },
  "run.paused": (s) => setRun(s, { status: "paused" }),
  "run.resumed": (s) => {
    const steps = Object.fromEntries(Object.values(s.steps).map((r) => [r.id, { ...r, lost: 0 }]));
    const { stoppedBy: _, ...run } = s.run;
    return setRun({ ...s, run, steps }, { status: "active", reasons: [] });
  },
  "run.cancelled": (s, e) => setRun(s, { status: "cancelled", reasons: [e.reason], endedAt: e.at }),
  "run.failed": (s, e) => setRun(s, { status: "failed", reasons: [e.reason] }),
  "run.completed": (s, e) => setRun(s, { status: "complete", endedAt: e.at }),
  "run.planned": (s, e) => setRun(s, { status: "planned", endedAt: e.at }),
  "run.incomplete": (s, e) =>
    setRun(s, { status: "incomplete", reasons: e.reasons, endedAt: e.at }),
  "acceptance.finished": (s, e) =>
    setRun(s, { acceptance: { commit: e.commit, results: e.results }, acceptedVersion: e.version }),
  "export.finished": (s, e) => setRun(s, { exported: { ...s.run.exported, ...e.refs } }),
  "export.blocked": (s, e) => setRun(s, { exportBlocked: [...s.run.exportBlocked, e.ref] }),
  "note.added": unchanged,
  "log.signed": (s, e) => setRun(s, { signed: e.seq }),
};
