import { APIError } from "@anthropic-ai/sdk";
import { ModelFailure } from "@headrace/domain";
import { z } from "zod";
import type { CallFacts } from "./deadline.ts";
import { classify, retryAfterMs } from "./failure.ts";

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

const fromAnswer = (error: APIError, started: boolean): ModelFailure => {
  const message = error.apiMessage ?? error.message;
  const type = error.type ?? undefined;
  const status: number | undefined = error.status;
  const wait =
    error.headers && status !== undefined ? retryAfterMs(error.headers, Date.now()) : undefined;
  const answer = [status, type].filter((part) => part !== undefined).join(" ");
  const id = error.requestID ? ` (request ${error.requestID})` : "";
  return new ModelFailure(
    `the provider answered ${answer}: ${message}${id}`,
    {
      class: classify({
        message,
        ...(status === undefined ? {} : { status }),
        ...(type === undefined ? {} : { type }),
      }),
      started,
      ...(status === undefined ? {} : { status }),
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    },
    { cause: error },
  );
};

/** A `TypeError` or `SyntaxError` that no transport error caused: the SDK choked on what it was sent. */
const isUnreadable = (cause: unknown): boolean =>
  cause instanceof SyntaxError || (cause instanceof TypeError && cause.cause === undefined);

/** The one place where what the SDK throws becomes a `ModelFailure`. */
export const toModelFailure = (
  error: unknown,
  baseURL: string,
  { started, hungUp }: CallFacts,
): ModelFailure => {
  const failure = (kind: "network" | "server", message: string) =>
    new ModelFailure(message, { class: kind, started }, { cause: error });

  if (error instanceof ModelFailure) return error;
  if (hungUp !== undefined) return failure("network", `call to ${baseURL} ended: ${hungUp}`);
  if (error instanceof z.ZodError)
    return failure(
      "server",
      `${baseURL} does not answer as the Messages API does: ${z.prettifyError(error)}`,
    );
  if (error instanceof APIError && (error.status !== undefined || error.type !== null))
    return fromAnswer(error, started);
  if (error instanceof Error && isUnreadable(error.cause))
    return failure("server", `${baseURL} sent a reply that cannot be read: ${rootCause(error)}`);
  return started
    ? failure("network", `the reply of ${baseURL} broke off: ${rootCause(error)}`)
    : failure("network", `no answer from ${baseURL}: ${rootCause(error)}`);
};
