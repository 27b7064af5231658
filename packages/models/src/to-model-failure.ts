import { APIError } from "@anthropic-ai/sdk";
import { type FailureFacts, ModelFailure, type RateFacts, type SeenUsage } from "@headrace/domain";
import { z } from "zod";
import { askAgainAt } from "./ask-again-at.ts";
import type { CallFacts } from "./deadline.ts";
import { classify } from "./failure.ts";
import { UnreadableReply } from "./unreadable-reply.ts";

/** What is known of a call beside what the SDK threw. */
export type CallContext = CallFacts & {
  baseURL: string;
  now: Date;
  rate?: RateFacts | undefined;
  seen?: SeenUsage | undefined;
};

/** The innermost cause that names itself: `ECONNREFUSED`, `terminated`. */
const rootCause = (error: unknown): string => {
  const messages: string[] = [];
  let at: unknown = error;
  while (at instanceof Error && messages.length < 10) {
    const code = (at as NodeJS.ErrnoException).code;
    messages.push(code === undefined ? at.message : `${code} ${at.message}`);
    at = at.cause;
  }
  return messages.findLast((message) => message.trim() !== "") ?? String(error);
};

const answered = (error: APIError, now: Date): FailureFacts => {
  const { status, requestID, headers } = error as APIError;
  const message = error.apiMessage ?? error.message;
  const answer = {
    message,
    ...(status === undefined ? {} : { status }),
    ...(error.type === null ? {} : { type: error.type }),
    ...(error.errorCode === null ? {} : { code: error.errorCode }),
    foreign: !(error.error instanceof Object),
  };
  const failureClass = classify(answer);
  const until = headers && askAgainAt({ ...answer, class: failureClass }, headers, now);
  const said = [status, error.type, error.errorCode].filter((part) => part != null).join(" ");
  return {
    class: failureClass,
    reason: `the provider answered ${said}: ${message}${requestID ? ` (request ${requestID})` : ""}`,
    ...(status === undefined ? {} : { status }),
    ...(until === undefined ? {} : { until }),
  };
};

/** A `TypeError` or `SyntaxError` that no transport error caused: the SDK choked on what it was sent. */
const isUnreadable = (cause: unknown): boolean =>
  cause instanceof SyntaxError || (cause instanceof TypeError && cause.cause === undefined);

const factsOf = (error: unknown, context: CallContext): FailureFacts => {
  const { baseURL, billed, hungUp, stopped, now } = context;
  if (hungUp !== undefined) {
    const reason = `call to ${baseURL} ended: ${hungUp}`;
    return { class: "network", reason, ...(stopped === undefined ? {} : { stopped }) };
  }
  if (error instanceof UnreadableReply)
    return { class: "server", reason: `the reply of ${baseURL} cannot be used: ${error.message}` };
  if (error instanceof z.ZodError)
    return {
      class: "server",
      reason: `${baseURL} does not answer as the Messages API does: ${z.prettifyError(error)}`,
    };
  if (error instanceof APIError && (error.status !== undefined || error.type !== null))
    return answered(error, now);
  if (error instanceof Error && isUnreadable(error.cause))
    return {
      class: "server",
      reason: `${baseURL} sent a reply that cannot be read: ${rootCause(error)}`,
    };
  const came = billed ? `the reply of ${baseURL} broke off` : `no answer from ${baseURL}`;
  return { class: "network", reason: `${came}: ${rootCause(error)}` };
};

/** The one place where what the SDK throws becomes a `ModelFailure`. */
export const toModelFailure = (error: unknown, context: CallContext): ModelFailure => {
  const { billed, rate, seen } = context;
  const facts = { ...factsOf(error, context), ...(rate === undefined ? {} : { rate }) };
  const billing = { billed, ...(billed && seen !== undefined ? { seen } : {}) };
  return new ModelFailure(facts, billing, { cause: error });
};
