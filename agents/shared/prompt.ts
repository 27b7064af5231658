import { readFileSync } from "node:fs";

/** The role's `prompt.md`, which lies beside its `agent.ts`. */
export const promptOf = (agentUrl: string): string =>
  readFileSync(new URL("./prompt.md", agentUrl), "utf8").trim();
