import { bash, defineAgent, defineTerminal, read, search, type Terminal } from "@headrace/agent";
import { renderGuidance } from "../shared/guidance.ts";
import { READER_LIMITS } from "../shared/limits.ts";
import { promptOf } from "../shared/prompt.ts";
import { claimProblems, verdictProblems } from "./accept.ts";
import { AcceptanceOutput, type Review, ReviewerBrief, ReviewOutput } from "./brief.ts";
import { renderBrief } from "./render.ts";

const terminalOf = (brief: Review): Terminal => {
  const name = "submit_review";
  switch (brief.stage) {
    case "plan":
    case "change":
      return defineTerminal({
        name,
        description:
          "Hands in the verdict: reject exactly if a finding is high or medium. quote is copied from the file or the diff.",
        schema: ReviewOutput,
        accept: (output, workspace) => verdictProblems(output, brief, workspace),
      });
    case "acceptance":
      return defineTerminal({
        name,
        description:
          "Hands in one claim, with its reason, for each requirement. The factory re-runs every command on a clean checkout and looks up every quote.",
        schema: AcceptanceOutput,
        accept: (output, workspace) => claimProblems(output, brief, workspace),
      });
  }
};

export const reviewer = defineAgent({
  role: "reviewer",
  prompt: promptOf(import.meta.url),
  workTools: [bash, read, search],
  limits: READER_LIMITS,
  snapshots: false,
  brief: ReviewerBrief,
  terminal: terminalOf,
  render: (brief, guidance) => ({
    guidance: renderGuidance(guidance, brief.stage === "change" ? brief.task.paths : []),
    task: renderBrief(brief),
  }),
});
