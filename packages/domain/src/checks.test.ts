import { describe, expect, test } from "vitest";
import { checkBudgetMs, totalMs } from "./checks.ts";
import { Policy } from "./policy.ts";
import { isGreen, type Receipt } from "./receipt.ts";

describe("the verification budget", () => {
  test.each([
    ["three times what the gates take", undefined, 60_000, 180_000],
    ["what the policy says", { budget: 0.5 }, 100_000, 50_000],
    ["half a minute where gates take no time", undefined, 800, 30_000],
    ["nothing where the policy wants none", { budget: 0 }, 60_000, 0],
  ])("is %s", (_what, settings, gatesMs, budget) => {
    expect(checkBudgetMs(settings, gatesMs)).toBe(budget);
  });

  test("is not in a policy that says nothing of it, so that its hash is what it was", () => {
    const from = { gates: "none", setup: "none" };
    const silent = Policy.parse({
      gates: [],
      setup: [],
      protected: [],
      verification: undefined,
      from,
    });
    expect(JSON.stringify(silent)).not.toContain("verification");
  });
});

test("a plan takes its gates twice a task, once as it lands, and the further checks once", () => {
  const time = { tasks: 4, gatesMs: 10_000, checksMs: 30_000, unmeasured: [] };
  expect(totalMs(time)).toBe(200_000);
});

test("a receipt whose gates passed is green, unless a further check failed", () => {
  const result = { gate: "test", verdict: "pass" as const, reason: "exit 0", exitCode: 0 };
  const receipt = (...outcomes: NonNullable<Receipt["checks"]>[number]["outcome"][]) => ({
    key: {
      ...{ tree: "a".repeat(40), landingBaseTree: "b".repeat(40), policy: "c".repeat(64) },
      ...{ image: "image:1", permits: [], gates: ["test"] },
    },
    results: [{ ...result, durationMs: 1, log: "d".repeat(64) }],
    checks: outcomes.map((outcome) => ({
      ...{ check: "mutants" as const, detail: "why", durationMs: 0 },
      outcome,
    })),
  });
  expect(isGreen(receipt())).toBe(true);
  expect(isGreen(receipt("pass", "flagged", "skipped"))).toBe(true);
  expect(isGreen(receipt("pass", "fail"))).toBe(false);
});
