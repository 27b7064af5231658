import { z } from "zod";
import { Id } from "./ids.ts";
import { Gate } from "./policy.ts";

/** `lockfile`, `gates:<name>` or `path:<glob>`: what a task may change beyond product and tests. */
export const Permit = z
  .string()
  .max(200)
  .regex(
    /^(?:lockfile|gates:[a-z0-9-]+|path:\S+)$/,
    "expected lockfile, gates:<name> or path:<glob>",
  );

export const Task = z.object({
  id: Id.max(32),
  title: z.string().min(1).max(120),
  description: z.string().min(1).max(20_000),
  /** what shows that the task is done; the reviewer checks them */
  acceptance: z.array(z.string().min(1).max(1000)).min(1).max(20),
  requirements: z.array(Id).max(100).default([]),
  blockedBy: z.array(Id).max(50).default([]),
  /** paths the task is expected to touch; guidance is looked up near them */
  paths: z.array(z.string().min(1).max(300)).max(50).default([]),
  /** a question the researcher answers before any code is written */
  research: z.string().min(1).max(4000).optional(),
  /** it mends something that is wrong: its new tests must be red without it */
  fix: z.boolean().optional(),
  permits: z.array(Permit).max(20).default([]),
});
export type Task = z.infer<typeof Task>;

export const ProposedRequirement = z.object({
  id: Id,
  text: z.string().min(1).max(4000),
  /** a sentence of the spec, word for word */
  quote: z.string().min(1).max(4000),
});

/** A plan takes no canary away: its gates are shown the default one; what they report is seen without being asked for. */
export const ProposedGate = Gate.omit({ canary: true, report: true });

/** What the spec leaves open, and how the plan reads it; a person may change the answer before anything is built. */
export const Ambiguity = z.object({
  question: z.string().min(1).max(1000),
  answer: z.string().min(1).max(2000),
});

/** What the planner submits; requirements only where the spec lists none. */
export const PlanProposal = z.object({
  summary: z.string().min(1).max(4000),
  tasks: z.array(Task).min(1).max(60),
  requirements: z.array(ProposedRequirement).max(100).default([]),
  setup: z.array(z.string().min(1).max(4000)).max(16).default([]),
  gates: z.array(ProposedGate).max(32).default([]),
  notDoing: z.array(z.string().max(1000)).max(50).default([]),
  ambiguities: z.array(Ambiguity).max(30).optional(),
});
export type PlanProposal = z.infer<typeof PlanProposal>;

export const PlanVersion = PlanProposal.extend({ version: z.number().int().positive() });
export type PlanVersion = z.infer<typeof PlanVersion>;
