import {
  bash,
  defineAgent,
  defineTerminal,
  edit,
  fence,
  read,
  search,
  write,
} from "@headrace/agent";
import { Task } from "@headrace/domain";
import { z } from "zod";
import { unresolved } from "../shared/conflicts.ts";
import {
  AnswerFact,
  answersSection,
  BesideFact,
  besideSection,
  dependenciesSection,
  evidenceText,
  GateFact,
  gatesSection,
  LandedFact,
  landedText,
  PreviousFact,
  protectedSection,
  RequirementFact,
  servedSection,
  TaskFact,
  taskText,
  WorkspaceFact,
  workspaceSection,
} from "../shared/facts.ts";
import { renderGuidance } from "../shared/guidance.ts";
import { MAKER_LIMITS } from "../shared/limits.ts";
import { bullets, page, section } from "../shared/page.ts";
import { promptOf } from "../shared/prompt.ts";

export const CoderBrief = z.object({
  task: Task,
  /** summary of the plan the task belongs to */
  plan: z.string(),
  requirements: z.array(RequirementFact),
  gates: z.array(GateFact),
  protected: z.array(z.string()).default([]),
  constraints: z.array(z.string()).default([]),
  /** what the researcher found */
  research: z.string().optional(),
  /** tasks whose work is already in the workspace */
  landed: z.array(TaskFact).default([]),
  /** the attempt before this one; its work is in the workspace, merged with what landed since */
  previous: PreviousFact.optional(),
  /** work that could not be joined with what has landed: to be done anew, and no longer in the workspace */
  discarded: PreviousFact.optional(),
  /** files in which that merge left conflict markers */
  conflicts: z.array(z.string()).default([]),
  /** what each side did in those files, and who landed there */
  sides: z.object({ landed: z.array(LandedFact), ours: z.string(), theirs: z.string() }).optional(),
  beside: z.array(BesideFact).default([]),
  answers: z.array(AnswerFact).default([]),
  workspace: WorkspaceFact.optional(),
});
export type CoderBrief = z.input<typeof CoderBrief>;

export const CoderOutput = z.object({
  /** becomes the change's message: what was done and why */
  summary: z.string().min(1).max(4000),
  /** for the reviewer: what to look at, what was left out */
  notes: z.string().max(4000).optional(),
});
export type CoderOutput = z.infer<typeof CoderOutput>;

const UNCHANGED =
  "the workspace is as you were given it. If nothing needs to change, or the task cannot be done, say so with report_blocked";

export const coder = defineAgent({
  role: "coder",
  prompt: promptOf(import.meta.url),
  workTools: [bash, read, write, edit, search],
  limits: MAKER_LIMITS,
  snapshots: true,
  brief: CoderBrief,
  terminal: (brief) =>
    defineTerminal({
      name: "submit_change",
      description:
        "Hands in the workspace as it stands as this task's change. summary becomes the commit message (what and why); notes go to the reviewer.",
      schema: CoderOutput,
      accept: async (_output, workspace) =>
        brief.answers.length > 0 || (await workspace.changed())
          ? unresolved(brief.conflicts, workspace)
          : [UNCHANGED],
    }),
  render: (brief, guidance) => ({
    guidance: renderGuidance(guidance, brief.task.paths),
    task: page(
      section("Task", taskText(brief.task)),
      servedSection(brief.requirements),
      section("Constraints", bullets(brief.constraints)),
      section("Where it stands in the plan", fence("plan", brief.plan)),
      section(
        "Already in the workspace",
        bullets(brief.landed.map(({ id, title }) => `${id}: ${title}`)),
      ),
      section("Research", brief.research && fence("research", brief.research)),
      answersSection(brief.answers),
      workspaceSection(brief.workspace),
      dependenciesSection(brief.task),
      gatesSection(brief.gates),
      protectedSection(brief.protected),
      besideSection(brief.beside),
      previousSections(brief),
    ),
  }),
});

type Brief = z.output<typeof CoderBrief>;

const previousSections = ({ previous, discarded, conflicts, sides }: Brief): string[] => [
  ...section(
    "The attempt before this one",
    previous &&
      `It was not accepted. Its work is in the workspace; keep what is right, mend what the evidence shows.\n\n${evidenceText(previous.evidence)}\n\nIts diff:\n${fence("diff", previous.diff)}`,
  ),
  ...section(
    "Work that is done anew",
    discarded &&
      `This task was done before and could not be joined with what has landed since. The workspace holds what has landed, without that work: do the task on it. The old diff is for reference only; what it changes may look otherwise now.\n\n${evidenceText(discarded.evidence)}\n\nIts diff:\n${fence("diff", discarded.diff)}`,
  ),
  ...section(
    "Conflicts",
    conflicts.length === 0
      ? undefined
      : `Merging that work with what has landed since left conflict markers in these files: between \`<<<<<<<\` and \`=======\` what has landed (ours), then yours (theirs). Resolve them first, so that both do what they were meant to do. Lines that landed stay, or stand in lines that hold both: a change that has lost one is refused.\n${bullets(conflicts)}`,
  ),
  ...section(
    "What landed in the files with conflicts (ours)",
    sides && [landedText(sides.landed), fence("diff", sides.ours)].filter(Boolean).join("\n"),
  ),
  ...section("What this task did in them (theirs)", sides && fence("diff", sides.theirs)),
];
