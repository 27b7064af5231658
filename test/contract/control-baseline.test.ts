import {
  branchRef,
  type Claim,
  type FactoryApi,
  type GateBaseline,
  type GateResult,
  integrationBranch,
  isEnded,
  PlanProposal,
  Policy,
  type RunState,
  type StepInputOf,
  type StepOutcome,
  type TestOutcomes,
} from "@headrace/domain";
import { expect, test } from "vitest";
import { runLines } from "../../packages/cli/src/view/run-lines.ts";
import { commitFlat, filesOf } from "../support/flat-trees.ts";
import { git } from "../support/git.ts";
import { played, playedLine } from "../support/played-line.ts";

const TASKS = [played("a"), played("b", { blockedBy: ["a"] })];

type Told = { verdict: GateResult["verdict"]; exitCode: number; tests?: TestOutcomes };

/** A line whose gate `test` ends as `gate` says of each verification, which is numbered from 1. */
const lineWith = async (gate: (step: string, n: number) => Told) => {
  const asked = new Map<string, StepInputOf<"verify">>();
  let bare = "";
  const play = async (
    { fence, input, policyHash }: Claim,
    api: FactoryApi,
  ): Promise<StepOutcome | undefined> => {
    if (input.kind !== "verify") return undefined;
    const step = fence.step.slice(fence.run.length + 1);
    asked.set(step, input);
    const { tests, verdict, exitCode } = gate(step, asked.size);
    const put = (text: string) => api.putBlob(fence, new TextEncoder().encode(text));
    const counts = tests && {
      total: tests.length,
      passed: tests.filter((t) => t.outcome === "passed").length,
      failed: tests.filter((t) => t.outcome === "failed").length,
      skipped: 0,
      list: await put(JSON.stringify(tests)),
    };
    const result = { gate: "test", verdict, reason: `exit ${exitCode}`, exitCode, durationMs: 1 };
    const treeOf = (commit: string) => git(bare, "rev-parse", `${commit}^{tree}`);
    const key = {
      tree: treeOf(input.commit),
      landingBaseTree: treeOf(input.landingBase),
      policy: policyHash,
      image: "image:1",
      permits: input.permits,
      gates: input.gates,
    };
    const results = [{ ...result, log: await put("ok"), ...(counts && { tests: counts }) }];
    const receipt = { id: `rc-${asked.size}`, key, results, at: new Date(0).toISOString() };
    return { kind: "done", result: { kind: "verify", receipt } };
  };
  const line = await playedLine({ play });
  bare = line.bare;
  return Object.assign(line, { asked });
};

const passing = (count: number): TestOutcomes =>
  Array.from({ length: count }, (_, i) => ({ name: `t${i}`, outcome: "passed" as const }));
const failing = (...names: string[]): TestOutcomes =>
  names.map((name) => ({ name, outcome: "failed" as const }));

const onBase = (step: string) => step.startsWith("end-check");

const totals = (baseline: readonly GateBaseline[] | undefined) =>
  baseline?.map(({ gate, tests }) => [gate, tests.total]);

const notes = async (line: Awaited<ReturnType<typeof lineWith>>, run: string) =>
  (await line.events(run)).flatMap((e) => (e.type === "note.added" ? [e.text] : []));

test("every verification is compared with the tests of the tree it stands on", async () => {
  await using line = await lineWith((_, n) => ({
    verdict: "pass",
    exitCode: 0,
    tests: passing(n),
  }));
  const run = await line.submit(TASKS);
  const { tasks, receipts } = await line.until(run, (s) => isEnded(s.run.status));
  const total = (receipt: string | undefined) => receipts[receipt ?? ""]?.results[0]?.tests?.total;
  const given = (step: string) => totals(line.asked.get(step)?.baseline);
  expect(given("end-check-gates-1")).toBeUndefined();
  expect(given("a-verify-1")).toEqual([["test", 1]]);
  expect(given("b-verify-1")).toEqual([["test", total(tasks.a?.landing?.receipt)]]);
  const landings = [...line.asked].filter(([step]) => step.includes("verify-landing"));
  expect(landings.map(([, input]) => input.twice)).toEqual([true, true]);
  expect([...line.asked].filter(([, input]) => input.twice).length).toBe(2);
});

test.each([
  [
    "changed a file",
    (_base: string, tip: string) => tip,
    (s: RunState) => s.tasks.a?.landing?.receipt,
  ],
  ["took all of it back", (base: string) => base, (s: RunState) => s.run.checked?.id],
])(
  "where somebody else %s after a landing, the next one is compared with the nearest known tests",
  async (_, treeFrom, expected) => {
    let meddle = (): void => undefined;
    await using line = await lineWith((step, n) => {
      if (step === "b-verify-1") meddle();
      const red = [...failing("x"), ...passing(onBase(step) ? 0 : n)];
      return { verdict: onBase(step) ? "fail" : "pass", exitCode: 3, tests: red };
    });
    const run = await line.submit(TASKS);
    const ref = branchRef(integrationBranch(run));
    let theirs = "";
    const { run: row } = await line.state(run);
    meddle = () => {
      const from = treeFrom(row.base, ref);
      const files = filesOf(line.bare, from);
      const beside = from === ref ? { ...files, "theirs.txt": "x\n" } : files;
      theirs = commitFlat(line.bare, ref, beside);
      git(line.bare, "update-ref", ref, theirs);
    };
    const state = await line.until(run, (s) => isEnded(s.run.status) || s.run.status === "failed");
    expect(state.run).toMatchObject({ status: "complete", reasons: [] });
    const onTheirs = [...line.asked.values()].filter((input) => input.landingBase === theirs);
    const tests = state.receipts[expected(state) ?? ""]?.results[0]?.tests;
    expect(tests).toBeDefined();
    expect(onTheirs.map((input) => input.baseline)).toEqual([
      [{ gate: "test", tests, red: { exitCode: 3, receipt: state.run.checked?.id } }],
    ]);
  },
);

test("without a report on the base there is nothing to compare with", async () => {
  await using line = await lineWith(() => ({ verdict: "pass", exitCode: 0 }));
  const run = await line.submit(TASKS);
  await line.until(run, (s) => isEnded(s.run.status));
  expect(line.asked.get("a-verify-1")?.baseline).toEqual([]);
});

test("a gate that fails twice alike on the base is one incident, and what fails there may go on failing", async () => {
  await using line = await lineWith((step) =>
    onBase(step)
      ? { verdict: "fail", exitCode: 3, tests: failing("x", "y") }
      : { verdict: "pass", exitCode: 3, tests: failing("x") },
  );
  const run = await line.submit(TASKS);
  const state = await line.until(run, (s) => isEnded(s.run.status));
  const { run: row } = state;
  const receipt = row.checked?.id ?? "";
  expect(row.baseRed).toMatchObject([{ gate: "test", failing: 2, receipt }]);
  const opened = (await line.events(run)).filter((e) => e.type === "base.red");
  expect(opened).toHaveLength(1);
  expect(await notes(line, run)).toContain("gate test is red on the base: exit 3");
  const incident = "  ! gate test: 2 tests fail on the base; at the tip 1 still fails";
  expect(runLines(state, new Date(), (words) => words)).toContain(incident);
  const red = { exitCode: 3, receipt };
  expect(line.asked.get("a-verify-1")?.baseline).toMatchObject([{ tests: { failed: 2 }, red }]);
  // what one task mended, the next may not break again
  expect(line.asked.get("b-verify-1")?.baseline).toMatchObject([{ tests: { failed: 1 }, red }]);
});

test("a plan that brings set-up of its own has no red of the base to point at", async () => {
  await using line = await lineWith((step) => ({
    ...{ verdict: onBase(step) ? "fail" : "pass", exitCode: 1, tests: failing("x") },
  }));
  const gates = [{ name: "test", run: "true" }];
  const policy = Policy.parse({
    gates,
    setup: [],
    protected: [],
    from: { gates: "file", setup: "none" },
  });
  const plan = PlanProposal.parse({ summary: "As given.", setup: ["npm ci"], tasks: TASKS });
  const run = await line.submit(TASKS, { policy, plan });
  await line.until(run, () => line.asked.has("a-verify-1"));
  expect(line.asked.get("a-verify-1")?.baseline).toMatchObject([{ tests: { failed: 1 } }]);
  expect(line.asked.get("a-verify-1")?.baseline?.[0]?.red).toBeUndefined();
});

test.each([
  [
    "fails by other tests each time",
    (n: number) => ({ verdict: "fail" as const, exitCode: 1, tests: failing(`t${n}`) }),
    "gate test is flaky on the base",
  ],
  [
    "fails once",
    (n: number) => ({
      verdict: n === 1 ? ("fail" as const) : ("pass" as const),
      exitCode: 2 - n,
      tests: failing("t"),
    }),
    "gate test is flaky on the base",
  ],
  [
    "is red and reports no tests",
    () => ({ verdict: "fail" as const, exitCode: 1 }),
    "gate test is red on the base: exit 1; its tests are not reported, so no change passes before one mends it",
  ],
  [
    "collects no test",
    () => ({ verdict: "not_run" as const, exitCode: 0, tests: [] }),
    "gate test is red on the base: exit 0; it is green once a task has added a test that runs",
  ],
])(
  "a gate that %s on the base is told of, is no incident, and ends no run",
  async (_, end, text) => {
    await using line = await lineWith((step, n) =>
      onBase(step) ? end(n) : { verdict: "pass", exitCode: 0, tests: passing(1) },
    );
    const run = await line.submit(TASKS);
    const { run: row } = await line.until(run, (s) => isEnded(s.run.status));
    expect(row).toMatchObject({ status: "complete" });
    expect(row.baseRed).toBeUndefined();
    expect(await notes(line, run)).toContain(text);
  },
);
