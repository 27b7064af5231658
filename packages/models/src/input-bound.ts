import type { ModelRequest } from "@headrace/domain";

type Prompt = Pick<ModelRequest, "system" | "tools" | "messages">;

/** What a candidate billed for the first `messages` messages of a request, with its tools and system prompt. */
export type Billed = {
  /** its `candidateKey`: another tokenizer may take more for the same text */
  candidate: string;
  tokens: number;
  messages: number;
};

/** Fewer tokens than this for so many bytes is no count of a prompt, but a gateway that leaves out what was cached. */
const MOST_BYTES_PER_TOKEN = 16;

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/**
 * Input tokens that a request cannot exceed with any model: a token for each byte, since no token is less than a byte
 * and JSON spells out what else a message costs.
 */
export const inputBound = ({ system, tools, messages }: Prompt): number =>
  bytesOf([system, tools, messages]);

/**
 * The same from a provider's own count. Anthropic calls it an estimate that may differ from the bill by a small amount
 * (docs.claude.com, "Token counting", November 2026), so that some is added.
 */
export const countedBound = (prompt: Prompt, count: number): number =>
  Math.min(inputBound(prompt), Math.ceil(count * 1.05) + 500);

/**
 * The same with what was billed for the beginning in the place of its bytes, which holds for that candidate alone.
 * Undefined when `billed` cannot be believed.
 */
export const billedBound = (
  { system, tools, messages }: Prompt,
  billed: Billed,
): number | undefined => {
  const known = bytesOf([system, tools, messages.slice(0, billed.messages)]);
  if (billed.tokens * MOST_BYTES_PER_TOKEN < known) return undefined;
  return billed.tokens + bytesOf(messages.slice(billed.messages));
};
