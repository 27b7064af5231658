import type { NewEvent } from "../events.ts";
import type { Nano } from "../money.ts";
import type { Policy } from "../policy.ts";
import type { Role, StepInput, StepOutcome } from "../steps.ts";
import type { Guidance, ModelChoice, PinnedRoutes } from "../submission.ts";
import type { ModelReply, RecordPart } from "../transcript.ts";
import type { TokenUsage } from "../usage.ts";
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
  routes: PinnedRoutes;
  /** which provider or simulator answers this run's calls */
  model: ModelChoice;
  /** parts saved by earlier epochs of this step, in order */
  records: RecordPart[];
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
  | { kind: "steer"; text: string };

export type CallRequest = {
  role: Role;
  model: string;
  /** at least what the provider will bill this very request for: counted by it, or a bound */
  inputTokens: number;
  maxOutput: number;
};

export type CallGrant =
  | { kind: "granted"; call: string }
  /** `cap`: the run's budget that could not hold the call */
  | { kind: "refused"; why: "budget" | "unpriced"; reason: string; cap?: Nano }
  /** the run is paused or has ended: no call is begun for it */
  | { kind: "stopped"; reason: string };

/** How a call ended: a reply (committed as the record of its turn), or nothing usable. */
export type Settlement =
  | { kind: "reply"; turn: number; reply: ModelReply; durationMs: number }
  /** `billed`: whether the provider may charge for it; then the reservation stays, as estimated */
  | {
      kind: "failed";
      class: string;
      reason: string;
      billed: boolean;
      usage?: TokenUsage;
      retryInMs: number | null;
    };

/** The events a worker may report; all others are the control plane's. */
export type WorkerEvent = Extract<
  NewEvent,
  {
    type:
      | "tool.ran"
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
  reserve(fence: Fence, call: CallRequest): Promise<CallGrant>;
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
