import { ApiError } from "./api-error.ts";
import type { Block, Prompt } from "./wire.ts";

const MAX_BREAKPOINTS = 4;

const idsOf = (blocks: readonly Block[], type: string, field: string): string[] =>
  blocks.filter((block) => block.type === type).map((block) => String(block[field]));

const checkText = (prompt: Prompt): string | undefined => {
  const blocks = [...prompt.system, ...prompt.messages.flatMap((message) => message.content)];
  return blocks.some((block) => block.type === "text" && block.text === "")
    ? "messages: text content blocks must be non-empty"
    : undefined;
};

const checkBreakpoints = ({ tools, system, messages }: Prompt): string | undefined => {
  const blocks = [...tools, ...system, ...messages.flatMap((message) => message.content)];
  const found = blocks.filter((block) => block.cache_control != null).length;
  return found > MAX_BREAKPOINTS
    ? `A maximum of ${MAX_BREAKPOINTS} blocks with cache_control may be provided. Found ${found}.`
    : undefined;
};

const checkTools = ({ tools }: Prompt): string | undefined =>
  new Set(tools.map((tool) => tool.name)).size < tools.length
    ? "tools: Tool names must be unique."
    : undefined;

const checkEnds = ({ messages }: Prompt): string | undefined => {
  if (messages[0]?.role !== "user") return 'messages: first message must use the "user" role';
  return messages.at(-1)?.role === "user"
    ? undefined
    : "This model does not support assistant message prefill. The conversation must end with a user message.";
};

/** Every call is answered by the very next message, first thing in it, and nothing else is answered. */
const checkPairs = ({ messages }: Prompt): string | undefined => {
  for (const [i, message] of messages.entries()) {
    if (message.role !== "user") continue;
    const before = messages[i - 1];
    const asked = before?.role === "assistant" ? idsOf(before.content, "tool_use", "id") : [];
    const answered = idsOf(message.content, "tool_result", "tool_use_id");
    const stray = answered.find((id) => !asked.includes(id));
    if (stray !== undefined)
      return `messages.${i}.content: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${stray}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`;
    const leading = message.content.slice(0, asked.length);
    const missing = asked.filter(
      (id) => !idsOf(leading, "tool_result", "tool_use_id").includes(id),
    );
    if (missing.length > 0)
      return `messages.${i - 1}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(", ")}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`;
  }
  return undefined;
};

const CHECKS = [checkTools, checkText, checkBreakpoints, checkEnds, checkPairs];

/**
 * Refuses what the real API refuses, so that a conversation which would fail there cannot pass here. Throws
 * `ApiError` 400.
 */
export const checkPrompt = (prompt: Prompt): void => {
  for (const check of CHECKS) {
    const problem = check(prompt);
    if (problem !== undefined) throw new ApiError(400, problem);
  }
};
