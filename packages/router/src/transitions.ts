import type { Candidate, FailureFacts, RateFacts, TokenUsage } from "@headrace/domain";
import type { Health } from "./health.ts";

/** A call that is about to be sent. */
export type Outgoing = {
  /** its id in the ledger */
  call: string;
  candidate: Candidate;
  /** SHA-256 of tools and system prompt, as `CallRequest` has it */
  prefix: string;
  /** as `select` estimated it */
  estimate: TokenUsage;
};

/** How a call came out. `lost`: its worker is gone and nobody knows; its slot is free, its charges stay. */
export type CallEnd =
  | { kind: "reply"; usage: TokenUsage; rate?: RateFacts }
  | { kind: "failed"; failure: FailureFacts }
  | { kind: "lost" };

/**
 * The call takes its place: in the provider's concurrency, its buckets, as the probe of a circuit that may close, as
 * the first with its prefix. To be applied in the same tick as the `select` that chose it, before anything is awaited;
 * if the ledger then refuses the call, `released` takes it all back.
 */
export const sent = (_health: Health, _out: Outgoing, _at: Date): Health => {
  throw new Error("not yet");
};

/** The call's reply has begun: those that wait for its prefix may follow. An unknown call changes nothing. */
export const began = (_health: Health, _call: string, _at: Date): Health => {
  throw new Error("not yet");
};

/** What the answer to a call, or to counting its tokens, tells. `call` is unknown where it was never sent: then only the failure itself counts. */
export const answered = (
  _health: Health,
  _call: { id: string; candidate: Pick<Candidate, "provider" | "model" | "pool"> },
  _end: CallEnd,
  /** fingerprint of the provider settings in force: what is out until they change is out under these */
  _config: string,
  _at: Date,
): Health => {
  throw new Error("not yet");
};

/** The call was not sent after all: as if it had never taken its place. */
export const released = (_health: Health, _call: string): Health => {
  throw new Error("not yet");
};

/** A person has acted (and resumes a run): keys and models that were out are asked again. */
export const restored = (_health: Health): Health => {
  throw new Error("not yet");
};
