import { z } from "zod";
import { Id } from "./ids.ts";
import { Role } from "./steps.ts";

const ordinal = z.coerce.number().int().positive();

/** Who asks: travels as `metadata.user_id`, so that a provider's log and the simulator can tell. */
export const UserId = z.object({
  run: Id,
  /** a task, `plan` or `end` */
  subject: Id,
  role: Role,
  attempt: ordinal,
  conversation: ordinal,
});
export type UserId = z.infer<typeof UserId>;

const VERSION = "hr1";

/** `hr1.<run>.<task, plan or end>.<role>.<attempt>.<conversation>` */
export const formatUserId = (id: UserId): string =>
  [VERSION, id.run, id.subject, id.role, id.attempt, id.conversation].join(".");

/** The inverse of `formatUserId`; undefined for any other text. */
export const parseUserId = (text: string): UserId | undefined => {
  const [version, run, subject, role, attempt, conversation, ...rest] = text.split(".");
  if (version !== VERSION || rest.length > 0) return undefined;
  const parsed = UserId.safeParse({ run, subject, role, attempt, conversation });
  return parsed.success && formatUserId(parsed.data) === text ? parsed.data : undefined;
};
