import type { Candidate, Fence, ModelRequest, Role } from "@headrace/domain";
import { withCacheBreakpoints } from "./cache-breakpoints.ts";
import type { Billed } from "./input-bound.ts";

export type Ask = {
  fence: Fence;
  role: Role;
  /** less what the choice of a candidate decides; without cache breakpoints */
  request: Omit<ModelRequest, "model" | "effort" | "maxTokens">;
  /** output tokens of the reply, at most */
  maxOutput: number;
  /** of the conversation: the reply is committed as the record of this turn */
  turn: number;
  /** of the call before in the same conversation: then its candidate is seldom asked to count */
  billed?: Billed;
  /** ends a call under way, too */
  signal?: AbortSignal;
  /** nothing more is begun, counted or waited for; a call under way comes to its end, since it is paid for */
  work?: AbortSignal;
};

/** The request as a candidate is sent it. */
export const requestTo = (
  { request }: Ask,
  { model, effort, capabilities }: Candidate,
  maxTokens: number,
): ModelRequest => {
  const whole = { ...request, model, maxTokens, ...(effort === undefined ? {} : { effort }) };
  return capabilities.includes("cache") ? withCacheBreakpoints(whole) : whole;
};
