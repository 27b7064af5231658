import type { Check, Receipt } from "@headrace/domain";
import { expect, test } from "vitest";
import { ReceiptStatement, receiptStatement, verdictOf } from "./statements.ts";

const canary = { outcome: "off" as const, detail: "switched off" };
const receiptWith = (checks: Pick<Check, "check" | "outcome">[]): Receipt => ({
  id: "rc-1",
  key: {
    ...{ tree: "a".repeat(40), landingBaseTree: "b".repeat(40), policy: "c".repeat(64) },
    ...{ image: "image:1", permits: [], gates: ["test"] },
  },
  results: [
    {
      ...{ gate: "test", verdict: "pass", reason: "exit 0", exitCode: 0, durationMs: 1 },
      ...{ log: "d".repeat(64), canary },
    },
  ],
  checks: checks.map((one) => ({ ...one, detail: "why", durationMs: 0 })),
  at: "2026-01-01T00:00:00.000Z",
});

const passed = receiptWith([
  { check: "base-suite", outcome: "pass" },
  { check: "red-on-base", outcome: "skipped" },
]);
const flagged = receiptWith([{ check: "mutants", outcome: "flagged" }]);
const failed = receiptWith([{ check: "base-suite", outcome: "fail" }]);

test("a statement tells further checks beside the gates, and those that were skipped nowhere", () => {
  expect(verdictOf(passed)).toEqual({
    result: "PASSED",
    passedTests: ["test", "check base-suite"],
    warnedTests: [],
    failedTests: [],
  });
  expect(verdictOf(flagged)).toMatchObject({ result: "WARNED", warnedTests: ["check mutants"] });
  expect(verdictOf(failed)).toMatchObject({
    result: "FAILED",
    passedTests: ["test"],
    failedTests: ["check base-suite"],
  });
});

test("a statement carries the whole receipt: checks and canaries as they are", () => {
  const statement = receiptStatement({
    ...{ run: "run-1", step: "s", commit: "e".repeat(40), receipt: passed },
    log: { seq: 1, hash: "f".repeat(64) },
  });
  const { receipt, verdict } = ReceiptStatement.parse(statement);
  expect(receipt).toEqual(passed);
  expect(verdict).toEqual(verdictOf(passed));
});
