import { UserError } from "@headrace/domain";
import { z } from "zod";

/** What a client sent, checked; throws `UserError` with each field that is wrong. */
export const parseSent = <T>(schema: z.ZodType<T>, sent: unknown): T => {
  const parsed = schema.safeParse(sent);
  if (parsed.success) return parsed.data;
  throw new UserError(`the request is not valid:\n${z.prettifyError(parsed.error)}`);
};

export const parseSentJson = <T>(schema: z.ZodType<T>, utf8: ArrayBuffer | Uint8Array): T => {
  let sent: unknown;
  try {
    sent = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(utf8));
  } catch (cause) {
    throw new UserError(`the request is not JSON: ${(cause as Error).message}`, undefined, {
      cause,
    });
  }
  return parseSent(schema, sent);
};
