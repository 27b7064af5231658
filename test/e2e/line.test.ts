import { formatUsd, TRAILERS } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTestFactory, type TestFactory } from "../support/factory.ts";
import type { RunPlan } from "../support/factory-run.ts";
import { accepts, approves, codes, plans, rejects, task } from "../support/script.ts";
import { expectSound } from "../support/soundness.ts";

let factory: TestFactory;
beforeAll(async () => {
  factory = await openTestFactory();
});
afterAll(() => factory[Symbol.asyncDispose]());

const WHOLE = "one and two together\n";
const QUOTE = { r1: { file: "all.txt", quote: "one and two together" } };

/** A run of the one task `one` to its end, which is sound, complete, and reached by the task's second attempt. */
const landsAtSecond = async (plan: RunPlan) => {
  const run = await factory.start({ tasks: [task("one")], ...plan });
  await run.settled();
  const state = await expectSound(run);
  expect(state.run.status).toBe("complete");
  expect(state.tasks.one).toMatchObject({ status: "landed", attempts: 2 });
  return { run, state };
};

describe.concurrent("the line", () => {
  test("two parallel tasks and one that joins them land one by one, each verified on its own tree", async () => {
    const tasks = [task("one"), task("two"), task("all", { blockedBy: ["one", "two"] })];
    const run = await factory.start({
      script: [
        plans({ summary: "Two parts, then the whole.", tasks }),
        approves("plan"),
        codes("one", { "one.txt": "one\n", "checks/one.sh": "grep one one.txt\n" }),
        codes("two", { "two.txt": "two\n", "checks/two.sh": "grep two two.txt\n" }),
        codes("all", { "all.txt": WHOLE, "checks/all.sh": "test -e one.txt -a -e two.txt\n" }),
        ...["one", "two"].map((id) => approves(id)),
        approves("all", { contains: "changed files: 2 product" }),
        accepts(QUOTE),
      ],
    });
    const { run: row, tasks: rows, plans: planRows } = await run.settled();
    expect(row).toMatchObject({ status: "complete", planVersion: 1, reasons: [] });
    const state = await expectSound(run);
    expect(state.run.acceptance?.results).toMatchObject([{ requirement: "r1", met: true }]);
    expect(planRows[1]).toMatchObject({ status: "accepted", criticisedRound: 1 });

    const landings = run.landings();
    expect(landings).toHaveLength(3);
    const receipt = state.receipts[rows.all?.landing?.receipt ?? ""];
    expect(landings.at(-1)?.trailers).toEqual({
      [TRAILERS.run]: run.id,
      [TRAILERS.task]: "all",
      [TRAILERS.requirement]: "r1",
      [TRAILERS.receipt]: `${receipt?.id} sha256:${receipt?.envelope}`,
      [TRAILERS.model]: rows.all?.models.join(", "),
      [TRAILERS.cost]: expect.stringMatching(/^\$.* \(simulated: no model was called\)$/),
    });
    expect(landings.at(-1)?.trailers[TRAILERS.cost]).toContain(
      `${formatUsd(rows.all?.spent ?? 0)}, ${formatUsd(rows.all?.spend?.converted ?? 0)} of it converted`,
    );
    expect(rows.all?.attemptBase).toBe(landings[1]?.commit);
    expect([rows.one, rows.two].map((r) => r?.attemptBase)).toEqual([run.base, run.base]);
    expect(Object.values(rows).map((r) => r.attempts)).toEqual([1, 1, 1]);
    expect(run.merged("all.txt")).toBe("one and two together");
    // one call a role: planner, critique, three coders, three reviewers, acceptance
    expect(row.calls).toBe(9);
    expect(await run.requests()).toHaveLength(9);
  });

  test("a red gate's log goes to a second attempt, which lands", async () => {
    const { run, state } = await landsAtSecond({
      script: [
        codes("one", { "all.txt": WHOLE, "checks/x.sh": "echo the sum is odd; exit 3\n" }),
        codes("one", { "checks/x.sh": "exit 0\n" }, { attempt: 2, contains: "the sum is odd" }),
        approves("one", { attempt: 2 }),
        accepts(QUOTE),
      ],
    });
    const events = await run.events();
    expect(events.filter((e) => e.type === "attempt.finished").map((e) => e.outcome)).toEqual([
      "red",
      "verified",
    ]);
    const calls = await run.calls();
    const first = calls.find((c) => c.step.endsWith("one-code-1"));
    expect(first).toMatchObject({ state: "settled" });
    expect(first?.cost).toBeGreaterThan(0);
    const ofOne = calls.filter((c) => c.step.includes("-one-"));
    expect(ofOne).toHaveLength(3);
    expect(state.tasks.one?.spent).toBe(ofOne.reduce((sum, c) => sum + c.cost, 0));
  });

  test("a script behind a gate is the gate's: a change of it is refused, and told to the next attempt", async () => {
    const manifest = (test: string) => `${JSON.stringify({ scripts: { test } })}\n`;
    const { run } = await landsAtSecond({
      files: { "package.json": manifest("sh test.sh") },
      test: "npm test",
      script: [
        codes("one", { "all.txt": WHOLE, "package.json": manifest("true") }),
        codes(
          "one",
          { "package.json": manifest("sh test.sh") },
          { attempt: 2, contains: "decides a gate and was changed" },
        ),
        approves("one", { attempt: 2 }),
        accepts(QUOTE),
      ],
    });
    expect(run.merged("package.json")).toBe(manifest("sh test.sh").trim());
  });

  test("a rejected review's finding goes to the coder, whose next attempt is approved", async () => {
    const problem = "the greeting is rude";
    const { run, state } = await landsAtSecond({
      script: [
        codes("one", { "all.txt": "go away\n" }),
        rejects("one", { severity: "high", file: "all.txt", quote: "go away", problem }),
        codes("one", { "all.txt": WHOLE }, { attempt: 2, contains: [problem, "go away"] }),
        approves("one", { attempt: 2, contains: problem }),
        accepts(QUOTE),
      ],
    });
    expect(state.tasks.one).toMatchObject({ reviewedAttempt: 2 });
    const verdicts = (await run.events()).filter((e) => e.type === "review.finished");
    expect(verdicts.map((e) => e.verdict.decision)).toEqual(["reject", "approve"]);
    expect(run.landings()).toHaveLength(1);
    expect(run.merged("all.txt")).toBe("one and two together");
  });
});
