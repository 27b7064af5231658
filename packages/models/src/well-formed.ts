import type { ReplyBlock } from "@headrace/domain";
import { UnreadableReply } from "./unreadable-reply.ts";

/** JSON data with U+FFFD for every lone surrogate, in keys too. */
export const wellFormed = (value: unknown): unknown => {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key.toWellFormed(), wellFormed(inner)]),
  );
};

/**
 * A block as it is kept and sent back: a request with half a surrogate pair is refused by providers, and every later
 * request of the conversation with it. A block of another kind (thinking) may be signed, so no byte of it is changed:
 * one that is not well-formed can be sent back neither as it is nor mended, and the reply is asked for anew.
 */
export const wellFormedBlock = (block: ReplyBlock): ReplyBlock => {
  const mended = wellFormed(block) as ReplyBlock;
  if (block.type === "text" || block.type === "tool_use") return mended;
  if (JSON.stringify(mended) === JSON.stringify(block)) return block;
  throw new UnreadableReply(
    `it holds a ${mended.type} block with half a surrogate pair, which cannot be sent back`,
  );
};
