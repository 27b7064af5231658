import { InfrastructureError, UserError } from "@headrace/domain";
import { type ErrorBody, userErrorBody } from "./wire.ts";

export type ErrorAnswer = { status: 400 | 500 | 503; body: ErrorBody };

/** What a client is told of an error: all of the user's own, nothing of the inside of ours. */
export const answerError = (
  error: unknown,
  onError: (error: Error, id: string) => void,
): ErrorAnswer => {
  if (error instanceof UserError) return { status: 400, body: userErrorBody(error) };
  if (error instanceof InfrastructureError)
    return { status: 503, body: { error: { kind: "infrastructure", message: error.message } } };
  const id = crypto.randomUUID().slice(0, 8);
  onError(error instanceof Error ? error : new Error(String(error)), id);
  const message = `the factory failed; its log tells more under ${id}`;
  return { status: 500, body: { error: { kind: "internal", message, id } } };
};

export const badRequest = (message: string): ErrorAnswer & { status: 400 } => ({
  status: 400,
  body: { error: { kind: "user", message } },
});
