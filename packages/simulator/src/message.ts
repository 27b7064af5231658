import { jsonBytes, tokensOf } from "./prompt-cache.ts";
import { digest, type Question, type Reply } from "./reply.ts";
import type { UsageLines } from "./usage-lines.ts";

/** A text or a tool's input travels in pieces of this many characters. */
const PIECE = 2_000;

const pieces = (text: string): string[] =>
  Array.from({ length: Math.ceil(text.length / PIECE) }, (_, i) =>
    text.slice(i * PIECE, (i + 1) * PIECE),
  );

export const outputTokens = (content: Reply["content"]): number => tokensOf(jsonBytes(content));

const envelope = ({ request, user, turn }: Question) => ({
  id: `msg_${digest(user, turn, request.model, request.messages)}`,
  type: "message",
  role: "assistant",
  model: request.model,
});

/** The answer to a request that does not stream. */
export const wholeMessage = (question: Question, reply: Reply, usage: UsageLines) => ({
  ...envelope(question),
  content: reply.content,
  stop_reason: reply.stopReason,
  stop_sequence: null,
  usage: usage.whole(outputTokens(reply.content)),
});

export type StreamEvent = { type: string; [field: string]: unknown };

/** How every stream begins, before anything of the reply is known. */
export const opening = (question: Question, usage: UsageLines): StreamEvent[] => [
  {
    type: "message_start",
    message: {
      ...envelope(question),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: usage.first,
    },
  },
  { type: "ping" },
];

const blockEvents = (block: Reply["content"][number], index: number): StreamEvent[] => {
  const start = block.type === "text" ? { ...block, text: "" } : { ...block, input: {} };
  const deltas =
    block.type === "text"
      ? pieces(block.text).map((text) => ({ type: "text_delta", text }))
      : ["", ...pieces(JSON.stringify(block.input))].map((partial_json) => ({
          type: "input_json_delta",
          partial_json,
        }));
  return [
    { type: "content_block_start", index, content_block: start },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
  ];
};

/** The rest of a stream. */
export const body = (reply: Reply, usage: UsageLines): StreamEvent[] => {
  const lines = usage.last(outputTokens(reply.content));
  return [
    ...reply.content.flatMap(blockEvents),
    ...lines.map((line, i) => ({
      type: "message_delta",
      delta: { stop_reason: i < lines.length - 1 ? null : reply.stopReason, stop_sequence: null },
      usage: line,
    })),
    { type: "message_stop" },
  ];
};
