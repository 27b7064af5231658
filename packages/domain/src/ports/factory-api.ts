import type { BudgetLevel } from "../budget.ts";
import type { NewEvent } from "../events.ts";
import type { FailureFacts, SeenUsage } from "../failure.ts";
import type { Pico } from "../money.ts";
import type { Policy } from "../policy.ts";
import type { RateFacts } from "../rate.ts";
import type { Candidate } from "../route.ts";
import type { Role, StepInput, StepOutcome } from "../steps.ts";
import type { Guidance, ModelChoice } from "../submission.ts";
import type { ModelReply, RecordPart } from "../transcript.ts";
import type { Fence } from "./store.ts";

/** Everything a worker is given with a claim; it never reads the store. */
export type Claim = {
  fence: Fence;
  until: string;
  subject: string;
  task?: string;
  attempt?: number;
  input: StepInput;
  /** the run base: every pack of the run stops at it, for its parents are in no factory repository */
  base: string;
  policy: Policy;
  policyHash: string;
  guidance: Guidance[];
  /** which provider or simulator answers this run's calls */
  model: ModelChoice;
  /** parts saved by earlier epochs of this step, in order */
  records: RecordPart[];
  /** what a person has said to the run's agents so far */
  signals?: Signal[];
};

export type ClaimReply =
  | { kind: "claimed"; claim: Claim }
  | { kind: "busy"; until: string }
  /** finished, cancelled, or not to be worked on now: drop the job */
  | { kind: "stale"; reason: string };

/** What the control plane wants a running job to know. */
export type Signal =
  | { kind: "cancel"; reason: string }
  | { kind: "wrap-up"; reason: string }
  /** told again at every renewal; `seq` says which it is */
  | { kind: "steer"; seq: number; text: string };

/**
 * Input tokens that a candidate's provider bills at most, by its count or an earlier bill; `failed` when no call would
 * fare better. `count` is what it counted, which is an estimate: by it a prompt fits a window, and not by what is held;
 * where it does not count, the bytes stand for it.
 */
export type Counted =
  | { candidate: string; tokens: number; count?: number }
  | { candidate: string; failed: FailureFacts };

/** One turn's request, as far as choosing a model and holding its cost need to know it. */
export type CallRequest = {
  role: Role;
  turn: number;
  /** names the asking for this reply: tries are counted within it. A new one begins when the worker asks anew */
  ask: string;
  /** input tokens that no model's tokenizer exceeds: a bound by bytes */
  inputBound: number;
  /** all that is known so far, one a candidate */
  counted?: Counted[];
  maxOutput: number;
  /** SHA-256 of what siblings share: tools and system prompt */
  prefix: string;
};

export type CallGrant =
  /**
   * `maxOutput`: what the reservation holds, and is to be sent. `wrapUp`: a budget above it is nearly used, in the same
   * words each time, for an agent is told once
   */
  | { kind: "granted"; call: string; candidate: Candidate; maxOutput: number; wrapUp?: string }
  /** the bound does not fit a budget: count the request for this candidate and ask again with it */
  | { kind: "count"; candidate: Candidate }
  /** nothing may be sent for so long; then ask again */
  | { kind: "wait"; ms: number; reason: string }
  /** no candidate before then (RFC 3339): give the slot back */
  | { kind: "deferred"; until: string; reason: string }
  /** no candidate until a person has acted */
  | { kind: "unavailable"; reason: string }
  /** the request does not fit the window of any candidate */
  | { kind: "context"; reason: string }
  /** no candidate will accept the request */
  | { kind: "invalid"; reason: string }
  /** `level` and `cap`: the budget that could not hold the call; in tokens where the level is `tokens` */
  | {
      kind: "refused";
      why: "budget" | "unpriced";
      reason: string;
      level?: BudgetLevel;
      cap?: Pico;
    }
  /** the run is paused or has ended: no call is begun for it */
  | { kind: "stopped"; reason: string };

/** What one try took, and what its response's headers said. */
export type Timing = { durationMs: number; firstByteMs?: number; rate?: RateFacts };

/** How a call that was sent ended: a reply (committed as the record of its turn), or nothing usable. */
export type SentSettlement =
  | ({ kind: "reply"; turn: number; reply: ModelReply; reportedCost?: Pico } & Timing)
  /**
   * `billed`: the provider may charge for it. Then what it `seen` as reported is what it costs, and otherwise the whole
   * reservation stays as estimated, with what was seen beside it
   */
  | ({ kind: "failed"; failure: FailureFacts; billed: boolean; seen?: SeenUsage } & Timing);

/** `unsent`: it was granted when the work was to end already; it cost nothing, was no try, and nobody is told of it. */
export type Settlement = SentSettlement | { kind: "unsent" };

/** The events a worker may report; all others are the control plane's. */
export type WorkerEvent = Extract<
  NewEvent,
  {
    type:
      | "tool.ran"
      | "cache.broken"
      | "gate.finished"
      | "canary.finished"
      | "check.finished"
      | "network.used"
      | "note.added";
  }
>;

/**
 * A worker's only way to the control plane. Every method but `claim` carries the claimed fence and throws
 * `StaleEpochError` when another epoch has taken over; the worker then stops without a trace.
 */
export interface FactoryApi {
  claim(run: string, step: string, worker: string): Promise<ClaimReply>;
  /** Prolongs the lease; call it at a third of the time to live. */
  renew(fence: Fence): Promise<{ until: string; signals: Signal[] }>;
  appendRecord(fence: Fence, part: RecordPart): Promise<void>;
  putBlob(fence: Fence, bytes: Uint8Array): Promise<string>;
  getBlob(fence: Fence, id: string): Promise<Uint8Array | undefined>;
  /** Chooses a model for the call and holds its cost on every budget above it; the one place where this is decided. */
  reserve(fence: Fence, call: CallRequest): Promise<CallGrant>;
  /** The reply of a granted call has begun: siblings with its prefix may follow. */
  began(fence: Fence, call: string): Promise<void>;
  /** With a reply: settles the call and commits the reply's record in one transaction. */
  settle(fence: Fence, call: string, settlement: Settlement): Promise<void>;
  report(fence: Fence, event: WorkerEvent): Promise<void>;
  /** A pack of `commit` less what commits in `have` reach; only the step's commits and the run base are served. */
  getPack(fence: Fence, commit: string, have: readonly string[]): Promise<Uint8Array>;
  /** Brings a snapshot in; throws `HostileTreeError` with what must be changed. */
  putPack(fence: Fence, pack: Uint8Array, commit: string): Promise<void>;
  /** Ends the claim. `done` and `fatal` end the step as well. */
  outcome(fence: Fence, outcome: StepOutcome): Promise<void>;
}
