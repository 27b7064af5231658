import {
  bash,
  defineAgent,
  defineTerminal,
  fence,
  read,
  search,
  type Workspace,
} from "@headrace/agent";
import { findQuote, Task } from "@headrace/domain";
import { z } from "zod";
import {
  GateFact,
  gatesSection,
  RequirementFact,
  servedSection,
  taskText,
  WorkspaceFact,
  workspaceSection,
} from "../shared/facts.ts";
import { READER_LIMITS } from "../shared/limits.ts";
import { page, section } from "../shared/page.ts";
import { promptOf } from "../shared/prompt.ts";

export const ResearcherBrief = z.object({
  task: Task,
  question: z.string().min(1),
  plan: z.string(),
  requirements: z.array(RequirementFact),
  gates: z.array(GateFact).default([]),
  workspace: WorkspaceFact.optional(),
});
export type ResearcherBrief = z.input<typeof ResearcherBrief>;

const Fact = z.object({
  statement: z.string().min(1).max(1000),
  source: z.object({
    file: z.string().min(1).max(500),
    line: z.number().int().positive().optional(),
    /** copied from the file, so that it can be found again */
    quote: z.string().min(1).max(1000),
  }),
});

export const ResearcherOutput = z.object({
  summary: z.string().min(1).max(4000),
  facts: z.array(Fact).max(40).default([]),
  recommendations: z.array(z.string().min(1).max(1000)).max(20).default([]),
});
export type ResearcherOutput = z.infer<typeof ResearcherOutput>;

/** Facts whose quote does not stand where they say. */
const unfounded = async (output: ResearcherOutput, workspace: Workspace): Promise<string[]> => {
  const checked = await Promise.all(
    output.facts.map(async ({ source }) => {
      const text = await workspace.read(source.file);
      if (text === undefined) return [`there is no file ${source.file} to quote from`];
      return findQuote(text, source.quote) === undefined
        ? [
            `${source.file} does not contain the quote ${JSON.stringify(source.quote.slice(0, 80))}: copy it exactly, or leave the fact out`,
          ]
        : [];
    }),
  );
  return checked.flat();
};

export const researcher = defineAgent({
  role: "researcher",
  prompt: promptOf(import.meta.url),
  workTools: [bash, read, search],
  limits: READER_LIMITS,
  snapshots: false,
  brief: ResearcherBrief,
  terminal: () =>
    defineTerminal({
      name: "submit_research",
      description:
        "Hands in the answer: a summary, facts each with the file and a quote copied from it, and recommendations for whoever writes the code.",
      schema: ResearcherOutput,
      accept: unfounded,
    }),
  render: (brief) => ({
    guidance: [],
    task: page(
      section("Question", brief.question),
      section("For this task", taskText(brief.task)),
      servedSection(brief.requirements),
      section("Where it stands in the plan", fence("plan", brief.plan)),
      workspaceSection(brief.workspace),
      gatesSection(brief.gates),
    ),
  }),
});
