import {
  type AgentLimits,
  bash,
  defineAgent,
  defineTerminal,
  edit,
  read,
  write,
} from "@headrace/agent";
import { z } from "zod";
import { agentRig, call, type RigOptions } from "./agent-rig.ts";

const LIMITS: AgentLimits = {
  turns: 20,
  outputTokens: 10_000,
  replyTokens: 500,
  wallMs: 60_000,
  malformed: 3,
  repeats: 4,
  handoff: { window: 0.5, cost: 2, turns: 12 },
};

/** A role that changes its workspace, small enough to see through. */
export const maker = (limits: Partial<AgentLimits> = {}) =>
  defineAgent({
    role: "coder",
    prompt: "Build it.",
    workTools: [bash, read, write, edit],
    limits: { ...LIMITS, ...limits },
    snapshots: true,
    brief: z.object({ task: z.string() }),
    terminal: () =>
      defineTerminal({
        name: "submit_change",
        description: "done",
        schema: z.object({ summary: z.string().min(3) }),
        accept: async ({ summary }, workspace) => [
          ...((await workspace.changed()) ? [] : ["nothing changed"]),
          ...(summary.includes("TODO") ? ["the summary says TODO"] : []),
        ],
      }),
    render: (brief, guidance) => ({
      guidance: guidance.map(({ text }) => text),
      task: `Task: ${brief.task}`,
    }),
  });

export const rigFor = (script: RigOptions["script"], more: Partial<RigOptions> = {}) =>
  agentRig({ definition: maker(), brief: { task: "add a file" }, script, ...more });

export const WRITE = call("write", { path: "a.txt", content: "one\n" }, "w1");
export const SUBMIT = call("submit_change", { summary: "adds a" }, "s1");
