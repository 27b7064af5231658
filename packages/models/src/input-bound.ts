import type { ModelRequest } from "@headrace/domain";

/** What the provider billed for the first `messages` messages of a request, with its tools and system prompt. */
export type Billed = { tokens: number; messages: number };

/** Fewer tokens than this for so many bytes is no count of a prompt, but a gateway that leaves out what was cached. */
const MOST_BYTES_PER_TOKEN = 16;

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/**
 * Input tokens that a request cannot exceed, without asking: what was billed for its beginning, and a token for each
 * byte of the rest, since no token is less than a byte and JSON spells out what else a message costs. Undefined when
 * `billed` cannot be believed.
 */
export const inputBound = (
  { system, tools, messages }: ModelRequest,
  billed: Billed,
): number | undefined => {
  const known = bytesOf([system, tools, messages.slice(0, billed.messages)]);
  if (billed.tokens * MOST_BYTES_PER_TOKEN < known) return undefined;
  return billed.tokens + bytesOf(messages.slice(billed.messages));
};
