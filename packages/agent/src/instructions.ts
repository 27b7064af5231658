import type { ModelRequest } from "@headrace/domain";
import { reportBlocked } from "./blocked.ts";
import type { AgentDefinition, BoundTerminal } from "./define.ts";

/** What a model is told of its role: the prefix that all turns of a job have in common, and all jobs alike. */
export const instructionsOf = (
  { prompt, tools }: Pick<AgentDefinition, "prompt" | "tools">,
  terminal: BoundTerminal,
): Pick<ModelRequest, "tools" | "system"> => ({
  system: [{ type: "text", text: prompt }],
  tools: [...tools, terminal, reportBlocked].map(({ name, description, input_schema }) => ({
    name,
    description,
    input_schema,
  })),
});
