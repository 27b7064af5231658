import type { ModelRequest } from "@headrace/domain";

const EPHEMERAL = { type: "ephemeral" } as const;

const marked = <B extends Record<string, unknown>>(
  blocks: readonly B[],
  isEnd: (i: number) => boolean,
): readonly B[] =>
  blocks.map((block, i) => (isEnd(i) ? { ...block, cache_control: EPHEMERAL } : block));

/**
 * Marks the four ends that another request may resume from: the system prompt, with which the tools end as well; the
 * first block of the first message, as far as jobs of one role have it in common; the newest user message, and the one
 * before it. That was the newest in the call before, so its cache is found whatever the turn between adds: a provider
 * looks back over 20 blocks only. Nothing but `cache_control` is added, so without it a conversation's bytes never
 * change as it grows.
 */
export const withCacheBreakpoints = <R extends Pick<ModelRequest, "system" | "messages">>(
  request: R,
): R => {
  const { system, messages } = request;
  const newest = messages.flatMap(({ role }, i) => (role === "user" ? [i] : [])).slice(-2);
  return {
    ...request,
    system: marked(system, (i) => i === system.length - 1),
    messages: messages.map((message, i) => ({
      ...message,
      content: marked(
        message.content,
        (j) => (i === 0 && j === 0) || (newest.includes(i) && j === message.content.length - 1),
      ),
    })),
  };
};
