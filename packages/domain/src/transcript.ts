import { z } from "zod";
import { BlobId, ObjectId } from "./ids.ts";
import { TokenUsage } from "./usage.ts";

/** A reply's blocks as the Messages API has them; other kinds (thinking) are kept opaque. */
export const ReplyBlock = z.union([
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({
    type: z.literal("tool_use"),
    id: z.string(),
    name: z.string(),
    input: z.unknown(),
  }),
  z.looseObject({ type: z.string() }),
]);
export type ReplyBlock = z.infer<typeof ReplyBlock>;

export const ToolUse = z.object({
  type: z.literal("tool_use"),
  id: z.string(),
  name: z.string(),
  input: z.unknown(),
});
export type ToolUse = z.infer<typeof ToolUse>;

export const ModelReply = z.object({
  id: z.string(),
  /** the model that answered, as the provider names it */
  model: z.string(),
  stopReason: z.string().nullable(),
  content: z.array(ReplyBlock),
  usage: TokenUsage,
});
export type ModelReply = z.infer<typeof ModelReply>;

export const toolUses = (reply: ModelReply): ToolUse[] =>
  reply.content.flatMap((block) => {
    const parsed = ToolUse.safeParse(block);
    return parsed.success ? [parsed.data] : [];
  });

export const ToolResult = z.object({
  toolUseId: z.string(),
  isError: z.boolean(),
  /** what the model was told */
  content: z.string(),
  /** full output, when `content` is a bounded part of it, and where it stands in the sandbox */
  full: z.object({ blob: BlobId, path: z.string() }).optional(),
  durationMs: z.number().int().nonnegative(),
  /** the sandbox did not survive the call: it is not repeated when the workspace is restored */
  lost: z.literal(true).optional(),
});
export type ToolResult = z.infer<typeof ToolResult>;

/**
 * One part of a step record. Turn n is appended in this order: the reply (which settles its call),
 * each tool result, the snapshot of the workspace after n. Turns start at 1.
 */
export const RecordPart = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("reply"), turn: z.number().int().positive(), reply: ModelReply }),
  z.object({ kind: z.literal("tool"), turn: z.number().int().positive(), result: ToolResult }),
  z.object({ kind: z.literal("snapshot"), turn: z.number().int().positive(), commit: ObjectId }),
  /** a note to the model appended by the factory: sandbox replaced, wrap up, steer */
  z.object({
    kind: z.literal("note"),
    turn: z.number().int().nonnegative(),
    text: z.string(),
    /** seq of the `run.steered` that it tells of */
    steer: z.number().int().positive().optional(),
  }),
]);
export type RecordPart = z.infer<typeof RecordPart>;
