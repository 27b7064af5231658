import { describe, expect, test } from "vitest";
import { type PlanContext, planPolicy, planRequirements } from "./plan-check.ts";
import { policyWith, proposalOf, taskInput as task } from "./run-log-fixture.ts";

const SPEC = "Intro.\nIt adds two\nnumbers. It prints them.";
const LISTED: PlanContext["listed"] = [
  { id: "r1", text: "Adds", span: { from: 2, to: 3 }, source: "listed" },
  { id: "r2", text: "Prints", span: { from: 3, to: 3 }, source: "listed" },
];

describe("what an accepted plan freezes", () => {
  const plan = proposalOf([task("t1")], {
    setup: ["npm ci"],
    gates: [{ name: "smoke", run: "sh smoke.sh", from: "t1" }],
    requirements: [{ id: "r1", text: "Adds", quote: "It adds two numbers." }],
  });

  test("gates and setup come from it where nothing earlier gave them", () => {
    const policy = policyWith({ gates: [], setup: [], from: { gates: "none", setup: "none" } });
    const frozen = planPolicy(policy, plan);
    expect(frozen).toEqual({
      ...policy,
      gates: plan.gates,
      setup: ["npm ci"],
      from: { gates: "plan", setup: "plan" },
    });
    expect(planPolicy(frozen, proposalOf([task("t1")]))).toEqual(frozen);
  });

  test("a repository's own gates stand whatever the plan says", () => {
    const policy = policyWith({ from: { gates: "file", setup: "spec" } });
    expect(planPolicy(policy, plan)).toEqual(policy);
  });

  test("proposed requirements get the lines their quotes stand on", () => {
    expect(planRequirements(plan, [], SPEC)).toEqual([
      { id: "r1", text: "Adds", span: { from: 2, to: 3 }, source: "proposed" },
    ]);
  });

  test("listed requirements stand as they are", () => {
    expect(planRequirements(plan, LISTED, SPEC)).toEqual(LISTED);
  });
});
