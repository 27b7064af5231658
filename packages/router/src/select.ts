import type {
  CallRequest,
  Candidate,
  Decision,
  Pico,
  Route,
  TokenUsage,
  TryRow,
} from "@headrace/domain";
import type { Health } from "./health.ts";

/** Everything that choosing a candidate depends on. */
export type Asking = {
  request: Pick<CallRequest, "role" | "ask" | "inputBound" | "maxOutput" | "prefix">;
  route: Route;
  health: Health;
  /** fingerprint of the provider settings in force */
  config: string;
  /** tries of this asking so far, oldest first, with those that only counted tokens; `at` is when each ended */
  tries: readonly Pick<TryRow, "provider" | "model" | "outcome" | "at">[];
  /** when this asking first came */
  begun: Date;
  /** input tokens as providers counted them in this asking, by `candidateKey` */
  counts: Readonly<Record<string, number>>;
  /** the candidate of the step's last reply (`candidateKey`), the prompt that its cache holds, and since when */
  pinned?: { candidate: string; promptTokens: number; at: Date };
  /** with `route.differFrom`: the model that role last used for the task */
  authorModel?: string;
  /** candidates whose call a budget could not hold, with the time from which it may */
  overBudget: Readonly<Record<string, { until?: string }>>;
  /** whether models without a price may be used, because tokens are budgeted */
  unpriced: "allowed" | "refused";
  /** what such a call costs; undefined without a price. Must be pure */
  price: (candidate: Candidate, usage: TokenUsage) => Pico | undefined;
};

/** `decision` is what is recorded of it; `reason` is for people. */
export type Selection =
  /** `maxOutput` is to be reserved and sent; `estimate` is for `sent` */
  | {
      kind: "chosen";
      candidate: Candidate;
      maxOutput: number;
      estimate: TokenUsage;
      decision: Decision;
    }
  /** the bound does not show that the prompt fits this candidate's window: have it counted and ask again */
  | { kind: "count"; candidate: Candidate }
  /** ask again after so long */
  | { kind: "wait"; ms: number; reason: string; decision: Decision }
  /** nothing before then (RFC 3339) */
  | { kind: "deferred"; until: string; reason: string; decision: Decision }
  /** `unavailable`: a person must act · `invalid`: nobody will take the request · `context`: it fits no window */
  | { kind: "unavailable" | "invalid" | "context"; reason: string; decision: Decision }
  | { kind: "refused"; why: "budget" | "unpriced"; reason: string; decision: Decision };

/** Chooses who answers a call, or says what stands in the way. The same asking has the same answer. */
export const select = (_asking: Asking, _at: Date): Selection => {
  throw new Error("not yet");
};
