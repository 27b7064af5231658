import { z } from "zod";
import { inputSchema, parseInput, type ToolSpec } from "./tool.ts";

const Blocked = z.object({
  reason: z.string().min(1).max(4000),
  question: z.string().min(1).max(4000).optional(),
});

/** The way out that every role has: it costs nothing and is always better than pretending. */
export const reportBlocked: ToolSpec & {
  bind(input: unknown): ReturnType<typeof parseInput<typeof Blocked>>;
} = {
  name: "report_blocked",
  description:
    "Ends the job because it cannot be done honestly as given. With a question, a person is asked and the work goes on with the answer; only ask what a person alone can decide. Without one, the task is set aside with the reason.",
  input_schema: inputSchema(Blocked),
  bind: (input) => parseInput(Blocked, input),
};
