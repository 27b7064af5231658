import { z } from "zod";
import { BlobId, Id, ObjectId } from "./ids.ts";

/** `flaky` is never decided from one run; a single verification uses the other four. */
export const GateVerdict = z.enum(["pass", "fail", "not_run", "infra_error", "flaky"]);
export type GateVerdict = z.infer<typeof GateVerdict>;

export const GateResult = z.object({
  gate: Id,
  verdict: GateVerdict,
  /** why, in a few words: `exit 1`, `command not found (exit 127)`, `killed: out of memory` */
  reason: z.string().max(500),
  exitCode: z.number().int().nullable(),
  durationMs: z.number().int().nonnegative(),
  /** bounded output, head and tail; the whole is not kept */
  log: BlobId,
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
  at: z.string(),
});
export type Receipt = z.infer<typeof Receipt>;

/** Green: at least one gate applied, every one of them was run, and each passed (I12). */
export const isGreen = (receipt: Pick<Receipt, "key" | "results">): boolean =>
  receipt.key.gates.length > 0 &&
  receipt.results.length === receipt.key.gates.length &&
  receipt.key.gates.every((name) =>
    receipt.results.some((r) => r.gate === name && r.verdict === "pass"),
  );

/** Some gate could not run for a reason that is not the change's: try again, blame nobody (I11). */
export const isInfrastructure = (receipt: Pick<Receipt, "results">): boolean =>
  receipt.results.some((r) => r.verdict === "infra_error");
