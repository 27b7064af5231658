import { z } from "zod";
import { Canary } from "./canary.ts";
import { Check } from "./checks.ts";
import { BlobId, Id, ObjectId } from "./ids.ts";

/** `flaky` is never decided from one run; a single verification uses the other four. Only `pass` is green. */
export const GateVerdict = z.enum(["pass", "fail", "not_run", "infra_error", "flaky"]);
export type GateVerdict = z.infer<typeof GateVerdict>;

const count = z.number().int().nonnegative();

/** What a gate's test runner reported, in numbers; `skipped` counts what is to be written (todo) as well. */
export const GateTests = z.object({
  total: count,
  passed: count,
  failed: count,
  skipped: count,
  /** the names with their outcomes, as `TestOutcomes` */
  list: BlobId,
});
export type GateTests = z.infer<typeof GateTests>;

export const TestOutcome = z.enum(["passed", "failed", "skipped", "todo"]);
export type TestOutcome = z.infer<typeof TestOutcome>;

/** Every test of a gate, sorted, so that equal lists have one blob; a name occurs as often as it was reported. */
export const TestOutcomes = z.array(z.object({ name: z.string(), outcome: TestOutcome }));
export type TestOutcomes = z.infer<typeof TestOutcomes>;

export const GateResult = z.object({
  gate: Id,
  verdict: GateVerdict,
  /** why, in a few words: `exit 1`, `command not found (exit 127)`, `killed: out of memory` */
  reason: z.string().max(2000),
  exitCode: z.number().int().nullable(),
  durationMs: z.number().int().nonnegative(),
  /** bounded output, head and tail; the whole is not kept */
  log: BlobId,
  /** absent: no runner reported, so that the exit code alone decided */
  tests: GateTests.optional(),
  /** `list` of the landing base's tests that these were compared with; absent in receipts older than the comparison */
  baseline: z.union([BlobId, z.literal("none")]).optional(),
  /** passed although it is red: only tests fail that fail on the run base too, as this receipt shows */
  baseRed: z.object({ failing: z.number().int().positive(), receipt: Id }).optional(),
  /** what the gate made of a tree that is known to be bad, when it first passed in this run; absent before */
  canary: Canary.optional(),
});
export type GateResult = z.infer<typeof GateResult>;

/** What makes two verifications the same: a receipt is reused only when all of it is equal. */
export const ReceiptKey = z.object({
  tree: ObjectId,
  landingBaseTree: ObjectId,
  policy: BlobId,
  image: z.string().min(1),
  permits: z.array(z.string()),
  /** names of the gates that applied */
  gates: z.array(Id),
});
export type ReceiptKey = z.infer<typeof ReceiptKey>;

export const Receipt = z.object({
  id: Id,
  key: ReceiptKey,
  results: z.array(GateResult),
  /** what was looked for besides, on a task's own tree once its gates were green; absent where nothing was */
  checks: z.array(Check).optional(),
  at: z.string(),
});
export type Receipt = z.infer<typeof Receipt>;

/** Green: at least one gate applied, every one of them was run, each passed (I12), and no further check failed. */
export const isGreen = (receipt: Pick<Receipt, "key" | "results" | "checks">): boolean =>
  receipt.key.gates.length > 0 &&
  receipt.results.length === receipt.key.gates.length &&
  receipt.key.gates.every((name) =>
    receipt.results.some((r) => r.gate === name && r.verdict === "pass"),
  ) &&
  (receipt.checks ?? []).every(({ outcome }) => outcome !== "fail");

/** Some gate could not run for a reason that is not the change's: try again, blame nobody (I11). */
export const isInfrastructure = (receipt: Pick<Receipt, "results">): boolean =>
  receipt.results.some((r) => r.verdict === "infra_error");
