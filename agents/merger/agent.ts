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
import { isLockfile, Task } from "@headrace/domain";
import { z } from "zod";
import { unresolved } from "../shared/conflicts.ts";
import {
  BesideFact,
  besideSection,
  dependenciesSection,
  GateFact,
  gatesSection,
  LandedFact,
  landedText,
  protectedSection,
  taskText,
  WorkspaceFact,
  workspaceSection,
} from "../shared/facts.ts";
import { MAKER_LIMITS } from "../shared/limits.ts";
import { bullets, page, section } from "../shared/page.ts";
import { promptOf } from "../shared/prompt.ts";

export const MergerBrief = z.object({
  /** the task whose change is being merged */
  task: Task,
  /** its diff */
  change: z.string(),
  /** tasks that landed since that change was begun, and what they did together */
  landed: z.array(LandedFact),
  landedDiff: z.string(),
  files: z.array(z.string()).min(1),
  beside: z.array(BesideFact).default([]),
  gates: z.array(GateFact),
  protected: z.array(z.string()).default([]),
  workspace: WorkspaceFact.optional(),
});
export type MergerBrief = z.input<typeof MergerBrief>;

export const MergerOutput = z.object({ summary: z.string().min(1).max(4000) });
export type MergerOutput = z.infer<typeof MergerOutput>;

export const merger = defineAgent({
  role: "merger",
  prompt: promptOf(import.meta.url),
  workTools: [bash, read, write, edit, search],
  limits: { ...MAKER_LIMITS, turns: 60, outputTokens: 100_000 },
  snapshots: true,
  brief: MergerBrief,
  terminal: (brief) =>
    defineTerminal({
      name: "submit_resolution",
      description: "Hands in the merged workspace. summary says how each conflict was decided.",
      schema: MergerOutput,
      accept: async (_output, workspace) =>
        (await workspace.changed())
          ? unresolved(brief.files, workspace)
          : ["the workspace is as you were given it: the conflicts are unresolved"],
    }),
  render: (brief) => ({
    guidance: [],
    task: page(
      section("Files with conflicts", bullets(brief.files)),
      section("The change being merged (theirs)", taskText(brief.task)),
      section("Its diff", fence("diff", brief.change)),
      section("What landed before it (ours)", landedText(brief.landed)),
      section("Their diff together", fence("diff", brief.landedDiff)),
      workspaceSection(brief.workspace),
      brief.files.some(isLockfile) ? dependenciesSection(brief.task) : [],
      gatesSection(brief.gates),
      protectedSection(brief.protected),
      besideSection(brief.beside),
    ),
  }),
});
