import { type Check, type ChecksRequest, isGreen, type StepInputOf } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerHarness } from "../support/engine.ts";
import { workerRig } from "../support/worker-rig.ts";

let harness: Awaited<ReturnType<typeof dockerHarness>>;
beforeAll(async () => {
  harness = await dockerHarness();
});
afterAll(() => harness[Symbol.asyncDispose]());

const SUM = "exports.sum = (a, b) => {\n  return a + b;\n};\n";
const WRONG = SUM.replace("+", "-");
const testOf = (file: string, title: string, assertion: string) =>
  [
    'const test = require("node:test");',
    'const assert = require("node:assert");',
    `const { ${file} } = require("../${file}.js");`,
    `test("${title}", () => ${assertion});\n`,
  ].join("\n");
const ADDS = testOf("sum", "adds", "assert.equal(sum(1, 2), 3)");
const OF_NOTHING = testOf("sum", "of nothing", "assert.equal(sum(0, 0), 0)");
const LOOSE = testOf("sum", "adds", "assert.notEqual(sum(1, 2), undefined)");

const AMPLE: ChecksRequest = { fix: false, budgetMs: 300_000 };
const FIX: ChecksRequest = { ...AMPLE, fix: true };

/** What becomes of a change from `base` under these requests, and what the log tells of it. */
const verified = async (
  base: Record<string, string>,
  change: Record<string, string>,
  checks: ChecksRequest,
  { run = "node --test", permits = [] }: { run?: string; permits?: string[] } = {},
) => {
  await using rig = await workerRig({
    sandboxes: harness.sandboxes,
    history: [base],
    policy: { gates: [{ name: "test", run }] },
  });
  const verify = async (name: string, input: Omit<StepInputOf<"verify">, "kind" | "gates">) => {
    const step = await rig.request(name, { kind: "verify", gates: ["test"], ...input });
    expect(await rig.deliver(step), rig.logged.join("\n")).toEqual({ kind: "done" });
    const result = (await rig.row(step))?.result;
    if (result?.kind !== "verify") throw new Error("there is no receipt");
    return result.receipt;
  };
  const before = await verify("base", { commit: rig.base, landingBase: rig.base, permits: [] });
  const [{ tests } = {}] = before.results;
  const receipt = await verify("change", {
    ...{ commit: await rig.change(rig.base, change), landingBase: rig.base, permits, checks },
    ...(tests === undefined ? {} : { baseline: [{ gate: "test", tests }] }),
  });
  const told = (await rig.store.events(rig.run)).flatMap((e) =>
    e.type === "check.finished" ? [e.check] : [],
  );
  expect(told).toEqual(receipt.checks ?? []);
  const outcomes = (receipt.checks ?? []).map(({ check, outcome }) => [check, outcome]);
  const detail = (name: Check["check"]) => receipt.checks?.find((c) => c.check === name)?.detail;
  return { receipt, outcomes, detail };
};

describe("a change whose gates are green is red none the less", () => {
  it("where a test of the base fails on it that it has weakened", async () => {
    const base = { "sum.js": SUM, "test/sum.test.js": ADDS };
    const change = { "sum.js": WRONG, "test/sum.test.js": LOOSE };
    const { receipt, outcomes, detail } = await verified(base, change, AMPLE);
    expect(receipt.results).toMatchObject([{ verdict: "pass" }]);
    expect(isGreen(receipt)).toBe(false);
    expect(outcomes).toEqual([
      ["base-suite", "fail"],
      ["mutants", "skipped"],
    ]);
    expect(detail("base-suite")).toMatch(
      /^with 1 test file as on the base, gate test: 1 test of the base fails: test\/sum\.test\.js > adds\. /,
    );
  });

  it("where it is a fix whose new test passes without it", async () => {
    const change = { "sum.js": SUM, "test/sum.test.js": OF_NOTHING };
    const base = { "sum.js": WRONG, "test/other.test.js": OF_NOTHING };
    const { receipt, outcomes, detail } = await verified(base, change, FIX);
    expect(isGreen(receipt)).toBe(false);
    expect(outcomes).toContainEqual(["red-on-base", "fail"]);
    expect(detail("red-on-base")).toMatch(/^the new tests do not show the fault: /);
  });
});

describe("a change stays green", () => {
  it("where the base's tests pass on it, its own fail without it, and mutants are caught", async () => {
    const base = { "sum.js": WRONG, "test/nothing.test.js": OF_NOTHING };
    const more = OF_NOTHING.replace("of nothing", "of less than nothing");
    const change = { "sum.js": SUM, "test/sum.test.js": ADDS, "test/nothing.test.js": more };
    const { receipt, outcomes, detail } = await verified(base, change, FIX, {
      permits: ["path:test/nothing.*"],
    });
    expect(isGreen(receipt)).toBe(true);
    expect(outcomes).toEqual([
      ["base-suite", "pass"],
      ["red-on-base", "pass"],
      ["mutants", "pass"],
    ]);
    expect(detail("red-on-base")).toMatch(/1 test fails: test\/sum\.test\.js > adds$/);
  });

  it("where its tests see nothing of what it brings, and is flagged", async () => {
    const base = { "sum.js": SUM, "test/sum.test.js": ADDS };
    const change = { "max.js": "exports.max = (a, b) => {\n  return a > b ? a : b;\n};\n" };
    const { receipt, outcomes, detail } = await verified(base, { ...base, ...change }, AMPLE);
    expect(isGreen(receipt)).toBe(true);
    expect(outcomes).toEqual([
      ["base-suite", "pass"],
      ["mutants", "flagged"],
    ]);
    expect(detail("mutants")).toMatch(/^the tests catch none of \d mutants: .*max/);
  });

  it("where there is no time for more, and its receipt says so", async () => {
    const base = { "sum.js": SUM, "test/sum.test.js": ADDS };
    const change = { "sum.js": WRONG, "test/sum.test.js": LOOSE };
    const request = { fix: true, budgetMs: 2000 };
    const run = "sleep 4 && node --test";
    const { receipt, outcomes, detail } = await verified(base, change, request, { run });
    expect(isGreen(receipt)).toBe(true);
    expect(outcomes.map(([, outcome]) => outcome)).toEqual(["skipped", "skipped", "skipped"]);
    expect(detail("base-suite")).toMatch(/^the verification budget was used up/);
  });
});
