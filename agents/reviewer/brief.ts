import { Gate, GateVerdict, PlanProposal, RequirementClaim, Task, Verdict } from "@headrace/domain";
import { z } from "zod";
import {
  AnswerFact,
  EvidenceFact,
  GateFact,
  RequirementFact,
  TaskFact,
  WorkspaceFact,
} from "../shared/facts.ts";

/** One role, three jobs: the plan before it is built, one change, and the run's end. */
export const ReviewerBrief = z.discriminatedUnion("stage", [
  z.object({
    stage: z.literal("plan"),
    title: z.string(),
    spec: z.string(),
    requirements: z.array(RequirementFact),
    constraints: z.array(z.string()).default([]),
    plan: PlanProposal,
    /** what would be in force: the plan's own where the repository gave none */
    gates: z.array(Gate),
    setup: z.array(z.string()).default([]),
    /** tasks of earlier versions, which are in the workspace */
    landed: z.array(TaskFact).default([]),
    /** requirements that acceptance found unmet, each with why */
    unmet: z.array(z.object({ requirement: z.string(), reason: z.string() })).default([]),
    workspace: WorkspaceFact.optional(),
  }),
  z.object({
    stage: z.literal("change"),
    task: Task,
    plan: z.string(),
    requirements: z.array(RequirementFact),
    constraints: z.array(z.string()).default([]),
    /** the gates' verdicts on this very tree */
    gates: z.array(GateFact.extend({ verdict: GateVerdict })),
    protected: z.array(z.string()).default([]),
    /** of the whole change against the base it will be merged onto */
    diff: z.string(),
    /** what the factory counted in it and found suspicious, one sentence each */
    noticed: z.array(z.string()).default([]),
    /** the coder's own words; claims, not evidence */
    summary: z.string().optional(),
    notes: z.string().optional(),
    /** what was held against the attempts before */
    earlier: z.array(EvidenceFact).default([]),
    answers: z.array(AnswerFact).default([]),
    workspace: WorkspaceFact.optional(),
  }),
  z.object({
    stage: z.literal("acceptance"),
    title: z.string(),
    spec: z.string(),
    requirements: z.array(RequirementFact),
    gates: z.array(GateFact),
    landed: z.array(TaskFact).default([]),
    /** tasks that were given up, with why */
    quarantined: z.array(TaskFact.extend({ reason: z.string() })).default([]),
    answers: z.array(AnswerFact).default([]),
    workspace: WorkspaceFact.optional(),
  }),
]);
export type ReviewerBrief = z.input<typeof ReviewerBrief>;
/** A brief as the role reads it. */
export type Review = z.output<typeof ReviewerBrief>;
export type BriefOf<S extends Review["stage"]> = Extract<Review, { stage: S }>;

/** What `submit_review` takes of a plan or a change. */
export const ReviewOutput = Verdict;
export type ReviewOutput = Verdict;

/** What `submit_review` takes at acceptance. */
export const AcceptanceOutput = z.object({ claims: z.array(RequirementClaim).min(1).max(200) });
export type AcceptanceOutput = z.infer<typeof AcceptanceOutput>;
