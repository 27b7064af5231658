import type { CallRequest, Candidate, Pico, Route, TokenUsage, TryRow } from "@headrace/domain";
import type { Health } from "./health.ts";

/** Everything that choosing a candidate depends on. */
export type Asking = {
  request: Pick<CallRequest, "role" | "ask" | "inputBound" | "maxOutput" | "prefix">;
  route: Route;
  health: Health;
  /** fingerprint of the provider settings in force */
  config: string;
  /** tries of this asking so far, oldest first, with those that only counted tokens; `at` is when each ended */
  tries: readonly Pick<TryRow, "provider" | "model" | "outcome" | "at" | "estimated">[];
  /** of the candidates in `tries`, those that have replied in this run, by `candidateKey` */
  proven: readonly string[];
  /** when this asking first came */
  begun: Date;
  /** input tokens as providers counted them in this asking, by `candidateKey` */
  counts: Readonly<Record<string, number>>;
  /** the candidate of the step's last reply (`candidateKey`), the prompt that its cache holds, and since when */
  pinned?: { candidate: string; promptTokens: number; at: Date };
  /** with `route.differFrom`: the model that role last used for the task */
  authorModel?: string;
  /** candidates whose call a budget could not hold, with the time from which it may (RFC 3339) */
  overBudget: Readonly<Record<string, { until?: string }>>;
  /** whether models without a price may be used, because tokens are budgeted */
  unpriced: "allowed" | "refused";
  /** what such a call costs; undefined without a price. Must be pure */
  price: (candidate: Candidate, usage: TokenUsage) => Pico | undefined;
};
