import { z } from "zod";
import { BudgetLevel, BudgetLimits } from "./budget.ts";
import { GateCanary } from "./canary.ts";
import { Check, MachineTime } from "./checks.ts";
import { Rung } from "./conflict-ladder.ts";
import { ConsentSettings } from "./consent.ts";
import { BlobId, Id, ObjectId } from "./ids.ts";
import { Member, MergeSettings } from "./merge-queue.ts";
import { Pico } from "./money.ts";
import { EgressRequest } from "./network.ts";
import { PlanVersion } from "./plan.ts";
import { Policy } from "./policy.ts";
import { Preview } from "./preview.ts";
import { GateResult, Receipt } from "./receipt.ts";
import { RequirementResult, Verdict } from "./review.ts";
import { PinnedRoutes, RouteOverride } from "./route.ts";
import { Requirement } from "./spec.ts";
import { OverheadKind, WasteKind } from "./spend.ts";
import { Role, StepInput, StepResult, ThreadKind } from "./steps.ts";
import { ModelChoice, RunUntil } from "./submission.ts";
import { TokenUsage } from "./usage.ts";

const reason = z.string().max(4000);
const event = <T extends string, S extends z.core.$ZodLooseShape>(type: T, shape: S) =>
  z.object({ type: z.literal(type), ...shape });

const BatchPart = z.object({ index: z.number().int(), of: z.number().int() });

/** Everything that can happen to a run. Adding a type is a code change with a fold and a test. */
export const EventBody = z.discriminatedUnion("type", [
  event("run.submitted", {
    title: z.string(),
    spec: BlobId,
    requirements: z.array(Requirement),
    constraints: z.array(z.string()),
    base: ObjectId,
    repo: z.object({ path: z.string(), name: z.string() }),
    policy: Policy,
    guidance: BlobId,
    budget: Pico,
    model: ModelChoice,
    routes: PinnedRoutes,
    overrides: z.array(RouteOverride).optional(),
    /** absent in logs of an older version, whose amounts are in nano-dollars */
    amounts: z.literal("pico").optional(),
    /** the installation's limits as they were at submission */
    limits: BudgetLimits.optional(),
    plan: BlobId.optional(),
    notify: z.string().optional(),
    merge: MergeSettings.optional(),
    consent: ConsentSettings.optional(),
    until: RunUntil.optional(),
  }),
  /** from here on amounts are in pico-dollars: the store writes it before it goes on with an older version's log */
  event("run.upgraded", { amounts: z.literal("pico") }),
  /** an earlier run on the same repository is still open: this one starts when it ends */
  event("run.queued", { behind: Id }),
  event("run.started", {}),
  event("run.checked", { receipt: Receipt }),
  /** a gate fails on the run base, twice with the same tests: an incident that stays open for the whole run */
  event("base.red", { gate: Id, failing: z.number().int().positive(), receipt: Id }),
  event("run.paused", { reason }),
  event("run.resumed", {}),
  event("run.cancelled", { reason }),
  event("run.failed", { reason }),
  event("run.completed", {}),
  /** it was to go as far as an accepted plan, and did */
  event("run.planned", {}),
  event("run.incomplete", { reasons: z.array(reason) }),

  /** `members`: what a landing thread is to merge, in order */
  event("thread.started", {
    kind: ThreadKind,
    id: Id,
    members: z.array(Member).min(1).optional(),
  }),
  event("thread.finished", { kind: ThreadKind, id: Id }),
  event("step.requested", {
    step: z.string(),
    subject: Id,
    thread: z.object({ kind: ThreadKind, id: Id }),
    input: StepInput,
  }),
  event("step.dispatched", {
    step: z.string(),
    dispatch: z.number().int().positive(),
    lost: z.boolean(),
    reason,
  }),
  /** no delivery of it before then (RFC 3339): a budget of the day, a rate limit, an outage */
  event("step.deferred", { step: z.string(), until: z.string(), reason }),
  /** `transcript`: SHA-256 of the record of an agent's step, its parts in canonical JSON, a line each */
  event("step.finished", {
    step: z.string(),
    result: StepResult,
    transcript: BlobId.optional(),
  }),

  event("plan.proposed", { plan: PlanVersion, round: z.number().int().positive() }),
  event("plan.rejected", {
    version: z.number().int(),
    round: z.number().int(),
    reasons: z.array(reason),
  }),
  event("plan.accepted", {
    version: z.number().int(),
    requirements: z.array(Requirement),
    policy: Policy,
    policyHash: BlobId,
    machineTime: MachineTime.optional(),
    preview: Preview.optional(),
  }),

  event("task.ready", {}),
  event("task.queued", { change: ObjectId }),
  /** `receipt`: the red one in which the task's change alone made the difference */
  /** and `rung` what its conflict comes to, where it came back for one */
  event("task.returned", { reason, receipt: Id.optional(), rung: Rung.optional() }),
  event("task.quarantined", { reason, snapshot: ObjectId.optional() }),
  event("attempt.started", { base: ObjectId }),
  event("attempt.finished", {
    outcome: z.enum(["verified", "red", "rejected", "limit", "conflict"]),
    reason,
  }),

  event("model.called", {
    call: Id,
    step: z.string(),
    role: Role,
    model: z.string(),
    usage: TokenUsage,
    cost: Pico,
    /** the whole reservation, because what it cost is not known */
    estimated: z.boolean(),
    durationMs: z.number().int().nonnegative(),
    provider: Id.optional(),
    /** in 1e-9 work units */
    work: z.number().int().nonnegative().optional(),
    /** what its usage comes to above the reservation, which bounds a call: no part of its cost */
    excess: Pico.positive().optional(),
  }),
  event("model.failed", {
    step: z.string(),
    role: Role,
    class: z.string(),
    reason,
    /** of logs from before routes: when the same model was asked again */
    retryInMs: z.number().nullable().optional(),
    provider: Id.optional(),
    model: z.string().optional(),
    /** from the request until it failed; absent where nothing of a call was timed */
    durationMs: z.number().int().nonnegative().optional(),
    /** nothing is sent to it before then (RFC 3339) */
    until: z.string().optional(),
  }),
  /** an estimated call is now known to have cost this */
  event("model.adjusted", {
    call: Id,
    was: Pico,
    cost: Pico,
    reason,
    work: z.number().int().nonnegative().optional(),
    excess: Pico.positive().optional(),
  }),
  /** a turn's prompt does not begin with the one before it, so nothing of it was read from the cache */
  event("cache.broken", {
    step: z.string(),
    role: Role,
    turn: z.number().int().positive(),
    /** the first block that differs, such as `system[0]` or `messages[2].content[0]` */
    block: z.string().max(200),
  }),
  event("tool.ran", {
    step: z.string(),
    role: Role,
    tool: z.string(),
    ok: z.boolean(),
    durationMs: z.number().int().nonnegative(),
    detail: z.string().max(300),
  }),
  /** every request a sandbox made of the egress proxy, in batches */
  event("network.used", { step: z.string(), requests: z.array(EgressRequest).min(1).max(100) }),
  event("gate.finished", { commit: ObjectId, result: GateResult }),
  /** a gate was given a tree that is known to be bad, made from `commit` */
  event("canary.finished", { commit: ObjectId, canary: GateCanary }),
  /** the tree of `commit`, whose gates are green, was looked at further */
  event("check.finished", { commit: ObjectId, check: Check }),
  /** `envelope`: the signed statement of the receipt; a log older than signatures has none */
  event("receipt.recorded", { receipt: Receipt, envelope: BlobId.optional() }),
  /** `envelope` is signed over the event `head` names, and by its hash over all before it */
  event("log.signed", {
    head: z.object({ seq: z.number().int().positive(), hash: BlobId }),
    envelope: BlobId,
  }),
  event("research.finished", { summary: z.string() }),
  event("review.finished", {
    verdict: Verdict,
    stage: z.enum(["plan", "change"]),
    round: z.number().int().positive().optional(),
  }),

  event("merge.started", { change: ObjectId, tip: ObjectId }),
  /**
   * `rung`: what is tried, the merger where a log says nothing; `reason`: why the rung before it did not do. A conflict
   * is told again for each rung it goes down
   */
  event("merge.conflicted", {
    landing: Id,
    files: z.array(z.string()),
    round: z.number().int().positive().optional(),
    rung: Rung.optional(),
    reason: reason.optional(),
  }),
  /** the change of this task, which is merged later, does not merge with that of `other`; neither has landed */
  event("conflict.predicted", {
    other: Id,
    change: ObjectId,
    otherChange: ObjectId,
    files: z.array(z.string()).min(1).max(100),
  }),
  /** somebody else moved the branch whenever this landing was about to */
  event("merge.contended", { landing: Id, round: z.number().int().positive() }),
  /** `part`: its place in a batch; the receipt is that of the batch's last landing, which alone was run */
  event("merge.landed", {
    commit: ObjectId,
    change: ObjectId,
    receipt: Id,
    branch: z.string(),
    part: BatchPart.optional(),
  }),
  event("export.finished", { refs: z.record(z.string(), ObjectId) }),
  event("export.blocked", { ref: z.string(), reason }),

  /** `about`: what its answer is read for, where that is not an agent */
  event("question.asked", {
    question: Id,
    text: reason,
    reason,
    about: z.literal("consent").optional(),
  }),
  event("question.answered", { question: Id, text: reason }),
  event("acceptance.finished", {
    version: z.number().int().positive(),
    commit: ObjectId,
    results: z.array(RequirementResult),
  }),

  /** `level`: the run's where a log does not say */
  event("budget.warned", {
    ...{ spent: Pico, budget: Pico, level: BudgetLevel.optional() },
    /** of the level `tokens`, what it is about */
    tokens: z.object({ used: z.number().int(), budget: z.number().int() }).optional(),
  }),
  event("budget.stopped", { reason, spent: Pico, budget: Pico, level: BudgetLevel.optional() }),
  /** a task's own budget, or its attempt's, is used: it stands still while the others go on */
  event("budget.parked", { reason, level: BudgetLevel, budget: Pico }),
  /**
   * `budget`: the new cap of the run; of the event's task, what was added to its budgets in all · `tokens`: the run's
   * new budget of tokens, where that is what was raised; its cap is then as it was
   */
  event("budget.raised", { budget: Pico, tokens: z.number().int().positive().optional() }),
  /** what became of the cost of calls that nothing will change any more; amounts by kind */
  event("spend.classed", {
    converted: Pico,
    overhead: z.partialRecord(OverheadKind, Pico),
    waste: z.partialRecord(WasteKind, Pico),
    calls: z.number().int().positive(),
    /** SHA-256 of these calls' parts in canonical JSON; the store writes it */
    parts: BlobId.optional(),
  }),
  /** a person's word to every agent of the run, before its next call */
  event("run.steered", { text: reason }),
  event("note.added", { level: z.enum(["info", "warning"]), text: reason }),
]);
export type EventBody = z.infer<typeof EventBody>;
export type EventType = EventBody["type"];

/** An event before the store numbers it. */
export type NewEvent = EventBody & { task?: string; attempt?: number };

/** The envelope: `seq` is gapless per run from 1; `hash` chains over the previous event's hash. */
export const EventEnvelope = z.object({
  seq: z.number().int().positive(),
  at: z.string(),
  run: Id,
  task: Id.optional(),
  attempt: z.number().int().positive().optional(),
  prev: z.string(),
  hash: z.string(),
});
export const StoredEvent = z.intersection(EventEnvelope, EventBody);
export type StoredEvent = z.infer<typeof StoredEvent>;
