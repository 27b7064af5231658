import { z } from "zod";

const line = z.string().max(300);
const lines = z.array(line).max(60);
const section = z.string().max(2_500);

/** What the conversations of one job have used of its limits so far. */
export const Used = z.object({
  turns: z.number().int().nonnegative(),
  outputTokens: z.number().int().nonnegative(),
});
export type Used = z.infer<typeof Used>;

/** What a conversation that has grown too long leaves to the one that goes on from it. */
export const HandoffBrief = z.object({
  /** why it ended there */
  why: line,
  /** what its model wrote when it was asked to hand off; absent where that was of no use */
  told: z
    .object({ goal: section, done: section, evidence: section, problems: section, files: section })
    .partial()
    .optional(),
  /** paths, as its calls named them */
  edited: lines,
  read: lines,
  /** of its last commands, each once, with the end of what they printed */
  commands: z.array(z.object({ command: line, ok: z.boolean(), output: z.string().max(2_000) })),
  /** why the newest state of its workspace could not be saved, and is not in the snapshot */
  unsaved: lines.optional(),
});
export type HandoffBrief = z.infer<typeof HandoffBrief>;

/** The same as the next conversation is told it. */
export const HandedOn = HandoffBrief.extend({
  /** files that differ from what the job began with, each with its lines added and removed */
  changed: lines,
});
export type HandedOn = z.infer<typeof HandedOn>;
