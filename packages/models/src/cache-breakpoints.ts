import type { ModelRequest } from "@headrace/domain";

const EPHEMERAL = { type: "ephemeral" } as const;

const markLast = <B extends Record<string, unknown>>(blocks: readonly B[]): readonly B[] =>
  blocks.map((block, i) =>
    i === blocks.length - 1 ? { ...block, cache_control: EPHEMERAL } : block,
  );

/**
 * Marks the four ends a later request can resume from: the tools, the system prompt, the task (the first
 * user message) and the newest user message. Only `cache_control` is added, so without it the bytes of a
 * conversation's prefix never change as it grows, and each call reads what the one before it wrote.
 */
export const withCacheBreakpoints = <R extends Pick<ModelRequest, "system" | "tools" | "messages">>(
  request: R,
): R => {
  const first = request.messages.findIndex((message) => message.role === "user");
  const newest = request.messages.findLastIndex((message) => message.role === "user");
  return {
    ...request,
    tools: markLast(request.tools),
    system: markLast(request.system),
    messages: request.messages.map((message, i) =>
      i === first || i === newest ? { ...message, content: markLast(message.content) } : message,
    ),
  };
};
