import { z } from "zod";
import type { BudgetLevel } from "./budget.ts";
import { GateCanary } from "./canary.ts";
import { ChecksRequest } from "./checks.ts";
import { HandedOn, HandoffBrief, Used } from "./handoff.ts";
import { BlobId, Id, ObjectId } from "./ids.ts";
import { Member } from "./merge-queue.ts";
import type { Pico } from "./money.ts";
import { Permit } from "./plan.ts";
import { GateTests, Receipt } from "./receipt.ts";

export const Role = z.enum(["planner", "researcher", "coder", "reviewer", "merger"]);
export type Role = z.infer<typeof Role>;

/** Everything an agent is told about its job; the role's module renders it into messages. */
export const Brief = z.record(z.string(), z.unknown());
export type Brief = z.infer<typeof Brief>;

/** A member in its place: `merged` is a commit on what stands below it and its change. */
export const StackedMember = Member.extend({
  merged: ObjectId,
  /** declared lists in which it conflicted and both sides' lines were kept */
  united: z.array(z.string()).optional(),
});
export type StackedMember = z.infer<typeof StackedMember>;

/** What the receipt of the landing base says of a gate's tests: no later one may have fewer, or skip more. */
export const GateBaseline = z.object({
  gate: Id,
  tests: GateTests,
  /** the gate is red on the run base, as this receipt shows: what failed there may go on failing, with this exit code */
  red: z.object({ exitCode: z.number().int(), receipt: Id }).optional(),
});
export type GateBaseline = z.infer<typeof GateBaseline>;

/**
 * What a job is asked to do. `environment`, `verify`, `evidence`, `agent` and `relock` are done by workers; `change`,
 * `merge`, `stack` and `land` by the control plane, which alone makes commits and moves refs.
 */
export const StepInput = z.discriminatedUnion("kind", [
  /** builds the environment image for the manifests of `commit` */
  z.object({ kind: z.literal("environment"), commit: ObjectId }),
  /** runs the applicable gates on the tree of `commit` */
  z.object({
    kind: z.literal("verify"),
    commit: ObjectId,
    landingBase: ObjectId,
    gates: z.array(Id),
    permits: z.array(Permit),
    /** a receipt that stands for this verification if the worker finds the whole key equal */
    known: Receipt.optional(),
    /** gates that are not named have no tests to be compared with */
    baseline: z.array(GateBaseline).optional(),
    /**
     * what canaries have shown already: a gate that passes and is not among them is given a bad tree as well, and is
     * red where that stays green. Absent: no canary is run
     */
    canaries: z.array(GateCanary).optional(),
    /** what the tree is looked at for once its gates are green; absent: nothing */
    checks: ChecksRequest.optional(),
    /** a red verification is run once more before it counts */
    twice: z.boolean().optional(),
  }),
  /** re-runs and looks up the evidence named for requirements, on the tree of `commit` */
  z.object({ kind: z.literal("evidence"), commit: ObjectId, claims: z.array(z.unknown()) }),
  z.object({
    kind: z.literal("agent"),
    role: Role,
    /** the commit the workspace starts from */
    commit: ObjectId,
    /**
     * the commit whose manifests setup sees, `commit` when absent: set to what has landed where `commit` holds
     * unverified work, because setup runs with network
     */
    environment: ObjectId.optional(),
    /** the second parent of a merge in progress, for the merger */
    theirs: ObjectId.optional(),
    attempt: z.number().int().positive(),
    conversation: z.number().int().positive(),
    /** what the accepted plan lets the task change; `lockfile` is also what gives its maker the package registries */
    permits: z.array(Permit).optional(),
    brief: Brief,
    /** handoffs that may still follow; absent: a conversation that no longer fits ends the job */
    handoffs: z.number().int().nonnegative().optional(),
    /** by the job's conversations before this one: the role's limits hold for all of them together */
    used: Used.optional(),
    /** what the newest of them that handed the job on has left */
    handoff: HandedOn.optional(),
  }),
  /** has package managers write the lockfiles of a merge again from its manifests, and from what `base` pins */
  z.object({
    kind: z.literal("relock"),
    /** the merge, with markers in these lockfiles */
    commit: ObjectId,
    base: ObjectId,
    lockfiles: z.array(z.string()).min(1),
  }),
  /** makes one commit on `base` of a snapshot's tree, or says what the tree must not hold */
  z.object({
    kind: z.literal("change"),
    snapshot: ObjectId,
    base: ObjectId,
    /** the other parent and the conflicted files, when the snapshot resolves a merge */
    theirs: ObjectId.optional(),
    only: z.array(z.string()).optional(),
    /** the commit the resolution started from: `only` is checked against it */
    from: ObjectId.optional(),
    /** work that did not merge with what had landed, and the files in which its author joined the two */
    joins: z.array(z.object({ theirs: ObjectId, files: z.array(z.string()) })).optional(),
    summary: z.string(),
  }),
  /** merges `change` onto the tip of the integration branch, moving nothing */
  z.object({ kind: z.literal("merge"), change: ObjectId }),
  /** merges the members one onto another on the tip of the integration branch, moving nothing */
  z.object({ kind: z.literal("stack"), members: z.array(Member).min(1) }),
  /** makes the landing commits and moves the integration branch from `tip` by compare-and-swap */
  z.object({
    kind: z.literal("land"),
    /** in the order they are stacked; absent in logs from before batches, which have `change` and `merged` */
    members: z.array(StackedMember).min(1).optional(),
    change: ObjectId.optional(),
    merged: ObjectId.optional(),
    tip: ObjectId,
    /** of the tree of the last member */
    receipt: Id,
    /** files git could not merge, when the only member was resolved */
    resolved: z.array(z.string()).optional(),
  }),
]);
export type StepInput = z.infer<typeof StepInput>;
export type StepKind = StepInput["kind"];
export type StepInputOf<K extends StepKind> = Extract<StepInput, { kind: K }>;

/** How an agent's job ended. `output` is the terminal tool's input, validated by the role's schema. */
export const AgentEnd = z.discriminatedUnion("end", [
  z.object({
    end: z.literal("submitted"),
    output: z.unknown(),
    /** the workspace as a commit on the step's commit; only for roles that may change it */
    snapshot: ObjectId.optional(),
    model: z.string(),
    turns: z.number().int(),
    /** SHA-256 of what the model was told before its first turn: system, tools and brief, in canonical JSON */
    prompt: BlobId.optional(),
  }),
  z.object({
    end: z.literal("blocked"),
    reason: z.string(),
    question: z.string().optional(),
    /** by this conversation and those before it in the job */
    used: Used.optional(),
    snapshot: ObjectId.optional(),
  }),
  /** a limit of the harness ended it: turns, output tokens, wall time, malformed calls */
  z.object({
    end: z.literal("limit"),
    limit: z.string(),
    detail: z.string(),
    snapshot: ObjectId.optional(),
  }),
  /** the conversation grew too long: the next one goes on from the snapshot with the brief */
  z.object({
    end: z.literal("handoff"),
    brief: HandoffBrief,
    used: Used,
    snapshot: ObjectId.optional(),
  }),
]);
export type AgentEnd = z.infer<typeof AgentEnd>;

/** The newest landing of the run, or its base, that a tip stands on which somebody else has made. */
const Below = ObjectId.optional();

/** What a finished step leaves in its row; graphs decide from these alone. */
export const StepResult = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("environment"),
    image: z.string(),
    cached: z.boolean(),
    durationMs: z.number(),
    /** what an agent would otherwise spend turns finding out: tools with versions, limits, services */
    facts: z.string().max(4000).optional(),
  }),
  z.object({
    kind: z.literal("verify"),
    receipt: Receipt,
    /** the red receipt before it, where the verification was run twice: gates that differ are `flaky` in it */
    first: Receipt.optional(),
  }),
  z.object({ kind: z.literal("evidence"), results: z.array(z.unknown()) }),
  z.object({ kind: z.literal("agent"), result: AgentEnd }),
  z.object({
    kind: z.literal("relock"),
    relock: z.discriminatedUnion("outcome", [
      z.object({ outcome: z.literal("made"), snapshot: ObjectId }),
      z.object({ outcome: z.literal("failed"), reason: z.string() }),
    ]),
  }),
  z.object({
    kind: z.literal("change"),
    change: z.discriminatedUnion("outcome", [
      z.object({
        outcome: z.literal("made"),
        commit: ObjectId,
        paths: z.array(z.string()),
        /** how many of the changed files are product, test, config, ci, docs, generated */
        classes: z.record(z.string(), z.number().int()).optional(),
        /** what a reviewer should look at, one sentence each; nothing of it refused the change */
        flags: z.array(z.string()).optional(),
      }),
      z.object({ outcome: z.literal("refused"), reasons: z.array(z.string()) }),
    ]),
  }),
  z.object({
    kind: z.literal("merge"),
    /** `merged`: a commit on (tip, change) of the merged tree; in a conflict its files hold markers */
    merge: z.discriminatedUnion("outcome", [
      z.object({
        outcome: z.literal("clean"),
        merged: ObjectId,
        tip: ObjectId,
        tree: ObjectId,
        tipTree: ObjectId,
        below: Below,
      }),
      z.object({
        outcome: z.literal("conflict"),
        merged: ObjectId,
        tip: ObjectId,
        files: z.array(z.string()),
        below: Below,
      }),
    ]),
  }),
  z.object({
    kind: z.literal("stack"),
    stack: z.object({
      tip: ObjectId,
      tipTree: ObjectId,
      below: Below,
      members: z.array(StackedMember.extend({ tree: ObjectId })),
      /** members that did not merge onto those before them; they wait for the next stack */
      left: z.array(z.object({ task: Id, attempt: z.number().int(), files: z.array(z.string()) })),
      /** the first member did not merge onto the tip itself: `merged` holds the markers, and nobody is stacked */
      conflict: z.object({ merged: ObjectId, files: z.array(z.string()) }).optional(),
    }),
  }),
  z.object({
    kind: z.literal("land"),
    land: z.discriminatedUnion("outcome", [
      z.object({ outcome: z.literal("landed"), commit: ObjectId }),
      z.object({ outcome: z.literal("moved"), tip: ObjectId }),
    ]),
  }),
]);
export type StepResult = z.infer<typeof StepResult>;
export type StepResultOf<K extends StepResult["kind"]> = Extract<StepResult, { kind: K }>;

/** What a worker answers for one delivery. Only `done` ends the step; `fatal` stops the run, resumable. */
export type StepOutcome =
  | { kind: "done"; result: StepResult }
  | { kind: "retry"; at: string; reason: string }
  | { kind: "infrastructure"; reason: string }
  /**
   * the budget of `level`, which is `cap` (tokens where that is the level), cannot hold the next call: a task's own parks
   * the task, any other stops the run, until it is raised
   */
  | { kind: "budget"; reason: string; level?: BudgetLevel; cap?: Pico }
  /** the run was paused or cancelled: the step stays where it is */
  | { kind: "stopped"; reason: string }
  | { kind: "fatal"; reason: string };

/** Which thread a step belongs to; `id` is a task id, `plan-<version>` or `run`. */
export const ThreadKind = z.enum(["run", "plan", "task", "landing"]);
export type ThreadKind = z.infer<typeof ThreadKind>;

export const ThreadRef = z.object({ run: Id, kind: ThreadKind, id: Id });
export type ThreadRef = z.infer<typeof ThreadRef>;

export const threadId = (t: ThreadRef): string => `${t.run}/${t.kind}/${t.id}`;

export const parseThreadId = (text: string): ThreadRef => {
  const [run, kind, id] = text.split("/");
  return ThreadRef.parse({ run, kind, id });
};

/** Names one step for ever: `<run>-<subject>-<step>`, subject being a task, `plan` or `end`. */
export const stepId = (run: string, subject: string, step: string): string =>
  `${run}-${subject}-${step}`;

export const jobId = (step: string, dispatch: number): string => `${step}-${dispatch}`;

/** Whether workers or the control plane consume the job of a step. */
export const laneOf = (kind: StepKind): Lane => (CONTROL_KINDS.has(kind) ? "control" : "work");
const CONTROL_KINDS: ReadonlySet<StepKind> = new Set(["change", "merge", "stack", "land"]);
export type Lane = "work" | "control";
