import type { AgentDefinition } from "@headrace/agent";
import type { Role } from "@headrace/domain";
import { coder } from "./coder/agent.ts";
import { merger } from "./merger/agent.ts";
import { planner } from "./planner/agent.ts";
import { researcher } from "./researcher/agent.ts";
import { reviewer } from "./reviewer/agent.ts";

export { CoderBrief, CoderOutput } from "./coder/agent.ts";
export { MergerBrief, MergerOutput } from "./merger/agent.ts";
export { PlannerBrief } from "./planner/agent.ts";
export { ResearcherBrief, ResearcherOutput } from "./researcher/agent.ts";
export { AcceptanceOutput, ReviewerBrief, ReviewOutput } from "./reviewer/brief.ts";

/** Every role, as data. */
export const AGENTS: Record<Role, AgentDefinition> = {
  planner,
  researcher,
  coder,
  reviewer,
  merger,
};
