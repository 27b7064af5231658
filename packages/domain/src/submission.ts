import { z } from "zod";
import { BudgetLimits } from "./budget.ts";
import { ConsentSettings } from "./consent.ts";
import { Id, ObjectId } from "./ids.ts";
import { MergeSettings } from "./merge-queue.ts";
import { Pico } from "./money.ts";
import { PlanProposal } from "./plan.ts";
import { Policy } from "./policy.ts";
import { Requirement } from "./spec.ts";
import { Role } from "./steps.ts";

/** Which models a run uses: the provider's, or the simulator's standing in for them. */
export const ModelChoice = z.discriminatedUnion("kind", [
  /** `model` overrides every role's route */
  z.object({ kind: z.literal("provider"), model: z.string().min(1).max(200).optional() }),
  z.object({ kind: z.literal("script"), file: z.string().min(1) }),
  z.object({ kind: z.literal("relay"), dir: z.string().min(1) }),
]);
export type ModelChoice = z.infer<typeof ModelChoice>;

/** Where a run ends that is not to build: once its plan is accepted. */
export const RunUntil = z.literal("plan");
export type RunUntil = z.infer<typeof RunUntil>;

/** The text of a guidance file and the folder it speaks for (`""` is the root). */
export const Guidance = z.object({ path: z.string(), folder: z.string(), text: z.string() });
export type Guidance = z.infer<typeof Guidance>;

/** What a client hands in, already parsed: the control plane validates it again by this schema. */
export const Submission = z.object({
  title: z.string().min(1).max(200),
  spec: z.string().min(1),
  requirements: z.array(Requirement),
  constraints: z.array(z.string().max(2000)).max(100).default([]),
  base: ObjectId,
  repo: z.object({
    /** absolute path of the user's repository, to which branches are exported */
    path: z.string().min(1),
    name: z.string().min(1).max(200),
  }),
  policy: Policy,
  guidance: z.array(Guidance).max(200).default([]),
  budget: Pico,
  /** what this run is limited to besides; each outranks the installation's own */
  limits: BudgetLimits.optional(),
  /** names of configured models that the repository's own file asks for, best first */
  routes: z.partialRecord(Role, z.array(z.string().min(1).max(200)).min(1).max(10)).optional(),
  merge: MergeSettings.optional(),
  model: ModelChoice,
  /** fingerprint of the client's provider settings; a factory with others refuses the run */
  credentials: z.string().max(64).optional(),
  plan: PlanProposal.optional(),
  consent: ConsentSettings.optional(),
  until: RunUntil.optional(),
  notify: z.string().max(4000).optional(),
});
export type Submission = z.infer<typeof Submission>;

export const RunId = Id;
