import { z } from "zod";
import { BlobId, Id, ObjectId } from "./ids.ts";

/** What a tree is checked for once its gates are green, in this order. */
export const CheckName = z.enum(["base-suite", "red-on-base", "mutants"]);
export type CheckName = z.infer<typeof CheckName>;

/** `fail` makes the receipt red; `flagged` is for the reviewer; `skipped` was not looked at, and `detail` says why. */
export const CheckOutcome = z.enum(["pass", "fail", "flagged", "skipped"]);
export type CheckOutcome = z.infer<typeof CheckOutcome>;

const count = z.number().int().nonnegative();

export const Check = z.object({
  check: CheckName,
  outcome: CheckOutcome,
  detail: z.string().max(2000),
  /** what its gates ran, all together */
  durationMs: count,
  /** the tree that was made for it, for whoever runs the gates on it again */
  tree: ObjectId.optional(),
  /** output of the gate that decided it */
  log: BlobId.optional(),
});
export type Check = z.infer<typeof Check>;

/** `fix`: the task's new tests must be red without its change. `budgetMs`: what gates may run for all checks. */
export const ChecksRequest = z.object({ fix: z.boolean(), budgetMs: count });
export type ChecksRequest = z.infer<typeof ChecksRequest>;

const FACTOR = z.number("expected a number from 0 to 20");

/** `budget`: how many times the base gates' own time the further checks of one verification may take; 0: none. */
export const VerificationSettings = z.object({
  budget: FACTOR.min(0, "expected a number from 0 to 20").max(20, "expected a number from 0 to 20"),
});
export type VerificationSettings = z.infer<typeof VerificationSettings>;

/** How long a plan's verifications run, where each task passes at its first attempt. */
export const MachineTime = z.object({
  tasks: count,
  /** all gates once, as they ran on the base */
  gatesMs: count,
  /** the further checks of one change, at most */
  checksMs: count,
  /** gates that have not run yet, and are not in `gatesMs` */
  unmeasured: z.array(Id),
});
export type MachineTime = z.infer<typeof MachineTime>;

const DEFAULT_FACTOR = 3;
/** Gates of a second or two would leave no time to start a container. */
const FLOOR_MS = 30_000;

/** How much machine time the further checks of one verification may take, by what the gates take on the base. */
export const checkBudgetMs = (
  { budget = DEFAULT_FACTOR }: Partial<VerificationSettings> = {},
  gatesMs: number,
): number => (budget === 0 ? 0 : Math.max(FLOOR_MS, Math.round(budget * gatesMs)));

/** Each change is verified, checked further, and verified once more as it lands. */
export const totalMs = ({ tasks, gatesMs, checksMs }: MachineTime): number =>
  tasks * (2 * gatesMs + checksMs);
