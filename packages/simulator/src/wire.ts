import { z } from "zod";
import { ApiError } from "./api-error.ts";

const Marked = z.looseObject({
  cache_control: z.looseObject({ type: z.literal("ephemeral") }).nullish(),
});
const Block = Marked.extend({ type: z.string() });
export type Block = z.infer<typeof Block>;

/** Content given as text is the same as one text block. */
const Content = z.union([
  z.string().transform((text): Block[] => [{ type: "text", text }]),
  z.array(Block),
]);

const Tool = Marked.extend({ name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/) });

/** What a request asks the model, less how the answer travels. */
export const Prompt = z.looseObject({
  model: z.string().min(1),
  system: Content.default([]),
  tools: z.array(Tool).default([]),
  messages: z
    .array(
      z.looseObject({
        role: z.enum(["user", "assistant"]),
        content: Content.pipe(z.array(Block).min(1)),
      }),
    )
    .min(1),
});
export type Prompt = z.infer<typeof Prompt>;

export const MessagesRequest = Prompt.extend({
  max_tokens: z.number().int().positive(),
  stream: z.boolean().default(false),
  metadata: z.looseObject({ user_id: z.string().nullish() }).nullish(),
});
export type MessagesRequest = z.infer<typeof MessagesRequest>;

/** Parses a request body; throws `ApiError` 400 that names the field, as the API does. */
export const parseBody = <T>(schema: z.ZodType<T>, text: string): T => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ApiError(400, "The request body is not valid JSON");
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new ApiError(400, `${issue?.path.join(".") || "body"}: ${issue?.message}`);
};

/** A turn is the number of assistant messages in the conversation + 1. */
export const turnOf = (prompt: Prompt): number =>
  prompt.messages.filter((message) => message.role === "assistant").length + 1;

const textOf = (block: Block): string[] => {
  if (block.type === "text") return [String(block.text)];
  if (block.type !== "tool_result") return [];
  const content = block.content;
  if (typeof content === "string") return [content];
  return Array.isArray(content) ? content.flatMap((part) => textOf(part as Block)) : [];
};

/** All that the newest user message says: its text and its tool results. */
export const newestUserText = (prompt: Prompt): string =>
  (prompt.messages.findLast((message) => message.role === "user")?.content ?? [])
    .flatMap(textOf)
    .join("\n");
