import type { ServerResponse } from "node:http";
import type { MessagesRequest } from "./wire.ts";

/** One request to the simulator: the oracle for call counts and for what reached the model. */
export type SeenRequest = {
  path: string;
  /** `metadata.user_id` */
  user?: string;
  turn?: number;
  model?: string;
  body?: MessagesRequest;
  status: number;
  /**
   * `reply`: it went out whole; `unusable`: it did, but nothing can be done with it (a refusal, a full context, a usage
   * that cannot be); `cut`: it broke off as was asked for; `gone`: the client left first
   */
  outcome: "pending" | "reply" | "unusable" | "error" | "cut" | "gone";
  /** the message of an error */
  problem?: string;
};

/** One request while it is answered. */
export type Call = {
  requestId: string;
  seen: SeenRequest;
  outgoing: ServerResponse;
  /** of the answer, beside its own */
  headers: Record<string, string>;
  /** aborts when the client leaves or the simulator closes */
  signal: AbortSignal;
};
