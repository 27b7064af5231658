import { z } from "zod";

export const Finding = z.object({
  severity: z.enum(["high", "medium", "low"]),
  file: z.string().min(1).max(500),
  line: z.number().int().positive().optional(),
  /** text that stands in the file, so that an invented finding is recognised */
  quote: z.string().max(2000).optional(),
  problem: z.string().min(1).max(4000),
});
export type Finding = z.infer<typeof Finding>;

/** A reviewer's judgement of one change. */
export const Verdict = z.object({
  decision: z.enum(["approve", "reject"]),
  summary: z.string().min(1).max(4000),
  findings: z.array(Finding).max(50).default([]),
});
export type Verdict = z.infer<typeof Verdict>;

/** Evidence that a requirement is met: a command the factory re-runs, or a quote it looks up. */
export const Evidence = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("command"), run: z.string().min(1).max(4000) }),
  z.object({
    kind: z.literal("quote"),
    file: z.string().min(1).max(500),
    quote: z.string().min(1).max(2000),
  }),
]);
export type Evidence = z.infer<typeof Evidence>;

export const RequirementClaim = z.object({
  requirement: z.string(),
  met: z.boolean(),
  reason: z.string().min(1).max(2000),
  evidence: z.array(Evidence).max(5).default([]),
});
export type RequirementClaim = z.infer<typeof RequirementClaim>;

/** What the factory found when it checked a claim itself. */
export const RequirementResult = z.object({
  requirement: z.string(),
  met: z.boolean(),
  reason: z.string().max(2000),
  evidence: z.array(
    z.object({ evidence: Evidence, holds: z.boolean(), detail: z.string().max(2000) }),
  ),
});
export type RequirementResult = z.infer<typeof RequirementResult>;
