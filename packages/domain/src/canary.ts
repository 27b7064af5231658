import { z } from "zod";
import { Id, ObjectId } from "./ids.ts";

/** What a person says of a gate's canary: there is none, or the tree it must be red on is the base with this diff. */
export const CanaryRequest = z.union([
  z.literal("off"),
  z.object({ patch: z.string().min(1).max(65_536) }),
]);
export type CanaryRequest = z.infer<typeof CanaryRequest>;

/**
 * `red`: as it should be · `green`: nothing of what is bad in the tree reaches the gate · `not_run`: it could not run
 * there, so that nothing is shown · `off`: by a person's word · `none`: the tree has no source file to break.
 */
export const CanaryOutcome = z.enum(["red", "green", "not_run", "off", "none"]);
export type CanaryOutcome = z.infer<typeof CanaryOutcome>;

/** The outcomes as a person reads them. */
export const CANARY_WORDS: Readonly<Record<CanaryOutcome, string>> = {
  red: "red, as it should be",
  green: "STAYS GREEN",
  not_run: "does not run",
  off: "off",
  none: "none",
};

/** What a gate made of a tree that is known to be bad. */
export const Canary = z.object({
  outcome: CanaryOutcome,
  /** what was bad and how the gate ended */
  detail: z.string().max(2000),
  /** the bad tree, for whoever runs the gate on it again */
  tree: ObjectId.optional(),
});
export type Canary = z.infer<typeof Canary>;

export const GateCanary = Canary.extend({ gate: Id });
export type GateCanary = z.infer<typeof GateCanary>;

/** A gate whose green says nothing: it was shown what is bad, and was not red. */
export const isBlind = ({ outcome }: Pick<Canary, "outcome">): boolean =>
  outcome === "green" || outcome === "not_run";
