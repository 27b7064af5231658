import type { BudgetLevel, BudgetLimits } from "./budget.ts";
import type { Rung } from "./conflict-ladder.ts";
import type { ConsentSettings, Projection } from "./consent.ts";
import type { StoredEvent } from "./events.ts";
import type { Member, MergeSettings } from "./merge-queue.ts";
import type { Pico } from "./money.ts";
import type { PlanVersion, Task } from "./plan.ts";
import type { Policy } from "./policy.ts";
import type { Preview } from "./preview.ts";
import type { Receipt } from "./receipt.ts";
import type { RequirementResult } from "./review.ts";
import type { PinnedRoutes, RouteOverride } from "./route.ts";
import type { Requirement } from "./spec.ts";
import type { ClassedSpend } from "./spend.ts";
import type { Role, StepInput, StepResult, ThreadKind } from "./steps.ts";
import type { ModelChoice, RunUntil } from "./submission.ts";
import type { TokenUsage } from "./usage.ts";

/**
 * `queued` behind another run on the repository · `active` · `paused` by a person · `budget`, stopped by
 * the cap · `failed`, the factory could not go on (both resumable) · the rest are ends; `planned` that of a run which
 * was to go no further than its plan.
 */
export type RunStatus =
  | "queued"
  | "active"
  | "paused"
  | "budget"
  | "failed"
  | "complete"
  | "planned"
  | "incomplete"
  | "cancelled";

/** Tests of a gate that fail on the run base, as the receipt of its check shows. */
export type BaseRed = { gate: string; failing: number; receipt: string; at: string };

/** `envelope`: the blob that holds the receipt signed; absent in what is older than signatures. */
export type RecordedReceipt = Receipt & { envelope?: string };

export type RunRow = {
  id: string;
  title: string;
  status: RunStatus;
  submittedAt: string;
  endedAt?: string;
  behind?: string;
  spec: string;
  guidance: string;
  constraints: string[];
  requirements: Requirement[];
  base: string;
  /** tip of the integration branch: `base` until something landed */
  tip: string;
  repo: { path: string; name: string };
  policy: Policy;
  /** hash of the frozen policy; undefined until the first plan is accepted */
  policyHash?: string;
  givenPlan?: string;
  notify?: string;
  /** undefined: as it was before there were batches to set */
  merge?: MergeSettings;
  /** above what a person is asked before a plan's tasks begin */
  consent?: ConsentSettings;
  /** what a person said yes to last */
  consented?: Projection;
  /** how far it is to go, when not to the end */
  until?: RunUntil;
  model: ModelChoice;
  routes: PinnedRoutes;
  overrides?: RouteOverride[];
  /** of the installation, when the run was submitted */
  limits?: BudgetLimits;
  budget: Pico;
  /** absent: the log's next amounts are in nano-dollars, as they were in older versions; those here never are */
  amounts?: "pico";
  spent: Pico;
  /** what providers say that calls cost above their reservations: no part of `spent` */
  excess?: Pico;
  /** what became of the spend that nothing will change any more */
  spend?: ClassedSpend;
  /** in 1e-9 work units, and of how many calls: of the others nobody has said what they are worth */
  work?: { amount: number; calls: number };
  /** a person's words to its agents, oldest first */
  steers?: Array<{ seq: number; text: string }>;
  calls: number;
  usage: TokenUsage;
  budgetWarned: boolean;
  /** budgets beside its own of which the 80 % were told it */
  warned?: Array<"tokens" | "installation">;
  /** whose budget stopped the run; absent in a run that no budget stops */
  stoppedBy?: BudgetLevel;
  /** newest accepted plan */
  planVersion: number;
  checked?: Receipt;
  /** gates that were red before the run, each once */
  baseRed?: BaseRed[];
  /** refs in the user's repository as the factory last set them */
  exported: Record<string, string>;
  /** refs the user has moved or deleted: no longer written */
  exportBlocked: string[];
  acceptance?: { commit: string; results: RequirementResult[] };
  /** newest plan version whose result was put to acceptance */
  acceptedVersion: number;
  /** why it failed, was cancelled or ended incomplete */
  reasons: string[];
  lastEventAt: string;
  seq: number;
  /** seq of the newest event that signs the log before it */
  signed?: number;
};

export type TaskStatus =
  | "blocked"
  | "building"
  | "waiting"
  | "queued"
  | "landed"
  | "quarantined"
  | "dropped";

export type TaskRow = {
  id: string;
  task: Task;
  plan: number;
  status: TaskStatus;
  attempts: number;
  /** what the newest step of its threads is doing, for people */
  doing?: string;
  startedAt?: string;
  endedAt?: string;
  /** tip of the integration branch when the newest attempt started */
  attemptBase?: string;
  /** newest commit that holds the task's work: a change, or the snapshot an attempt was cut off at */
  workingChange?: string;
  /** attempts that were closed, judged by the reviewer, sent to the merge queue: each once */
  closedAttempt: number;
  reviewedAttempt: number;
  queuedAttempt: number;
  /** newest landing thread that met a conflict */
  conflictedLanding?: string;
  /** that conflict, what is tried for it now, and what was last tried in each round of the landing */
  conflict?: {
    landing: string;
    files: string[];
    rung: Rung;
    rounds: Record<string, Rung>;
    reason?: string;
  };
  /** rungs that its conflicts were given, oldest first */
  rungs?: Rung[];
  /** work that is done anew: while it is the newest, the task has none to go on from */
  discarded?: string;
  /** by task: a change that does not merge with this one's, which is merged later, as they were when compared */
  predicted?: Record<string, { change: string; otherChange: string; files: string[] }>;
  change?: string;
  /** order in which it asked to be merged */
  queuedSeq?: number;
  /** times it came back from the merge queue */
  returns: number;
  /** `part`: its place in the batch whose last tree the receipt is of */
  landing?: { commit: string; receipt: string; seq: number; part?: { index: number; of: number } };
  /** the attempt that came back from the merge queue last, the red receipt or the conflict it came back for */
  returned?: { attempt: number; receipt?: string; rung?: Rung };
  snapshot?: string;
  reason?: string;
  /** a budget of its own is used: none of its steps is claimed until it is raised */
  parked?: { level: BudgetLevel; reason: string; budget: Pico };
  /** what a person added to the budgets of the task and of its attempts */
  raised?: Pico;
  /** budgets of its own, of which the 80 % were told: `task`, `attempt/<n>` */
  warned?: string[];
  /** by number, what its attempts have cost */
  attemptSpent?: Record<number, Pico>;
  spent: Pico;
  /** what became of it, as the run's own */
  spend?: ClassedSpend;
  usage: TokenUsage;
  models: string[];
};

export type StepRow = {
  id: string;
  subject: string;
  task?: string;
  attempt?: number;
  role?: Role;
  thread: { kind: ThreadKind; id: string };
  input: StepInput;
  requestedAt: string;
  dispatch: number;
  /** deliveries lost to infrastructure since the run was last resumed */
  lost: number;
  /** why it is not given out before then; of the past once that time has come */
  deferred?: { until: string; reason: string };
  result?: StepResult;
  finishedAt?: string;
};

export type ThreadRow = {
  kind: ThreadKind;
  id: string;
  finished: boolean;
  /** of a landing thread: its batch, in order */
  members?: Member[];
  /** the newest round that ended because somebody else moved the branch, of those a person was told of */
  contended?: number;
};
export type PlanRow = {
  version: number;
  /** undefined when the planner never submitted one */
  plan?: PlanVersion;
  /** of an accepted one */
  preview?: Preview;
  status: "proposed" | "rejected" | "accepted";
  reasons: string[];
  /** newest rounds in which it was proposed, sent back, criticised */
  proposedRound: number;
  rejectedRound: number;
  criticisedRound: number;
};
export type QuestionRow = {
  id: string;
  task?: string;
  text: string;
  reason: string;
  about?: "consent";
  askedAt: string;
  answer?: string;
};

/** Everything known of a run: a fold over its events and nothing else (I15). */
export type RunState = {
  run: RunRow;
  plans: Record<string, PlanRow>;
  tasks: Record<string, TaskRow>;
  steps: Record<string, StepRow>;
  threads: Record<string, ThreadRow>;
  questions: Record<string, QuestionRow>;
  receipts: Record<string, RecordedReceipt>;
};

/** The row kinds a state is stored as. */
export const ROW_KINDS = ["plans", "tasks", "steps", "threads", "questions", "receipts"] as const;
export type RowKind = (typeof ROW_KINDS)[number];

export type EventOf<T extends StoredEvent["type"]> = Extract<StoredEvent, { type: T }>;

const ENDS: ReadonlySet<RunStatus> = new Set(["complete", "planned", "incomplete", "cancelled"]);

/** The run is over: nothing will move it again. */
export const isEnded = (status: RunStatus): boolean => ENDS.has(status);

/** Steps may be claimed and threads woken only while the run is active. */
export const isRunning = (status: RunStatus): boolean => status === "active";
