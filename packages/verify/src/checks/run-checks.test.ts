import { createHash } from "node:crypto";
import {
  type Alteration,
  type Check,
  Gate,
  type GateEnd,
  type GateResult,
  type GateSpec,
  Policy,
  type TestOutcomes,
} from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { ended, reportFor } from "../exec-fixture.ts";
import { type ChecksBench, runChecks } from "./run-checks.ts";

type Tree = Readonly<Record<string, string>>;
type Runner = (tree: Tree) => { tests?: Record<string, boolean>; exitCode?: number; ms?: number };

/** A repository whose trees are their files in JSON, so that a gate can be a function of them. */
const repoOf = (commits: Readonly<Record<string, Tree>>): ChecksBench["repo"] => {
  const treeAt = (commit: string): Tree => commits[commit] ?? JSON.parse(commit);
  const altered = (commit: string, alteration: Alteration): Tree => {
    const tree = { ...treeAt(commit) };
    if ("files" in alteration)
      for (const [path, bytes] of alteration.files) tree[path] = new TextDecoder().decode(bytes);
    if ("paths" in alteration)
      for (const path of alteration.paths) {
        const there = treeAt(alteration.from)[path];
        if (there === undefined) delete tree[path];
        else tree[path] = there;
      }
    return tree;
  };
  return {
    list: async (commit) =>
      Object.entries(treeAt(commit)).map(([path, text]) => ({
        ...{ mode: "100644" as const, path },
        object: createHash("sha1").update(text).digest("hex"),
      })),
    read: async (commit, path) => {
      const text = treeAt(commit)[path];
      return text === undefined ? undefined : new TextEncoder().encode(text);
    },
    alter: async (commit, alteration) => ({
      outcome: "altered",
      tree: JSON.stringify(altered(commit, alteration)),
    }),
    commit: async ({ tree }) => tree,
    tar: async (commit) => new TextEncoder().encode(JSON.stringify(treeAt(commit))),
  };
};

const outcomes = (tests: Record<string, boolean>): TestOutcomes =>
  Object.entries(tests).map(([name, ok]) => ({ name, outcome: ok ? "passed" : "failed" }));

const POLICY = Policy.parse({
  ...{ gates: [], setup: [], protected: [] },
  from: { gates: "file", setup: "none" },
});
const LIST = "f".repeat(64);

/** What further checks make of a change from one tree to another, under one gate that `run` plays. */
const checksOf = async (
  base: Tree,
  change: Tree,
  run: Runner,
  over: Partial<Pick<ChecksBench, "request" | "permits">> = {},
) => {
  const seen: Tree[] = [];
  const play = async (spec: GateSpec): Promise<GateEnd> => {
    const tree: Tree = JSON.parse(new TextDecoder().decode(spec.tar));
    seen.push(tree);
    const { tests, ms = 1000, exitCode } = run(tree);
    if (ms > spec.timeoutMs)
      return ended({ exitCode: null, timedOut: true, durationMs: spec.timeoutMs });
    const red = exitCode ?? (Object.values(tests ?? {}).every(Boolean) ? 0 : 1);
    const end = ended({ exitCode: red, durationMs: ms, output: "what it printed" });
    return tests === undefined ? end : { ...end, collected: reportFor(spec, outcomes(tests)) };
  };
  const results = (tree: Tree): Pick<GateResult, "tests"> => {
    const { tests } = run(tree);
    if (tests === undefined) return {};
    const total = Object.keys(tests).length;
    return { tests: { total, passed: total, failed: 0, skipped: 0, list: LIST } };
  };
  const baseline = (tree: Tree) => {
    const { tests } = run(tree);
    return tests ? [{ gate: "test", list: LIST, outcomes: outcomes(tests) }] : [];
  };
  const pass = { verdict: "pass" as const, reason: "exit 0", exitCode: 0, durationMs: 1000 };
  const told: Check[] = [];
  const checks = await runChecks({
    repo: repoOf({ base, change }),
    ...{ base: "base", commit: "change" },
    bench: {
      sandboxes: { runGate: play },
      ...{ image: "image:1", policy: POLICY, labels: { run: "run-1", step: "step-1" } },
    },
    gates: [Gate.parse({ name: "test", run: "npm test" })],
    results: [{ gate: "test", ...pass, log: LIST, ...results(change) }],
    ...{ own: baseline(change), baseline: baseline(base), permits: [] },
    request: { fix: false, budgetMs: 30_000 },
    putBlob: async (bytes) => createHash("sha256").update(bytes).digest("hex"),
    onCheck: async (check) => void told.push(check),
    ...over,
  });
  expect(told).toEqual(checks);
  const outcome = (name: Check["check"]) => checks.find(({ check }) => check === name);
  return { checks, seen, suite: outcome("base-suite"), red: outcome("red-on-base") };
};

const RIGHT = "export const sum = (a, b) => {\n  return a + b;\n};\n";
const WRONG = RIGHT.replace("+", "-");
const BASE: Tree = { "sum.js": RIGHT, "test/sum.test.js": "sum(1, 2) === 3" };

/** Runs each test file of a tree: one is red where what it expects is not so. */
const honest: Runner = (tree) => ({
  tests: Object.fromEntries(
    Object.entries(tree)
      .filter(([path]) => path.startsWith("test/"))
      .map(([path, text]) => [path, text !== "sum(1, 2) === 3" || tree["sum.js"] === RIGHT]),
  ),
});

describe("the base's own tests over a change", () => {
  test("are not run where the change has them all", async () => {
    const { suite, seen } = await checksOf(BASE, { ...BASE, "test/new.test.js": "more" }, honest);
    expect(suite).toMatchObject({ outcome: "pass", durationMs: 0 });
    expect(seen).toEqual([]);
  });

  test("fail it where one is red that the change has weakened, and name it", async () => {
    const change = { ...BASE, "sum.js": WRONG, "test/sum.test.js": "sum(1, 2) !== undefined" };
    const { suite, checks, seen } = await checksOf(BASE, change, honest);
    expect(suite).toMatchObject({
      ...{ outcome: "fail", durationMs: 2000, log: expect.stringMatching(/^[0-9a-f]{64}$/) },
      detail: expect.stringContaining("1 test of the base fails: test/sum.test.js."),
    });
    expect(seen[0]).toEqual({ "sum.js": WRONG, "test/sum.test.js": BASE["test/sum.test.js"] });
    expect(checks.slice(1)).toMatchObject([
      { check: "mutants", outcome: "skipped", detail: "another failed" },
    ]);
  });

  test("do not bind it where its plan opened the file, or the gate", async () => {
    const change = { ...BASE, "sum.js": WRONG, "test/sum.test.js": "sum(1, 2) !== undefined" };
    for (const permits of [["path:test/**"], ["gates:test"]]) {
      const { suite, seen } = await checksOf(BASE, change, honest, { permits });
      expect(suite?.outcome).toBe(permits[0] === "gates:test" ? "skipped" : "pass");
      expect(seen.filter((tree) => tree["test/sum.test.js"] === BASE["test/sum.test.js"])).toEqual(
        [],
      );
    }
  });

  test("are only flagged where they are red once, or by no test that the base passed", async () => {
    const change = { ...BASE, "test/sum.test.js": "another" };
    let runs = 0;
    const flaky: Runner = (tree) =>
      tree["test/sum.test.js"] === "another"
        ? honest(tree)
        : { tests: { "test/sum.test.js": runs++ > 0 } };
    const once = await checksOf(BASE, change, (tree) =>
      tree === BASE ? honest(tree) : flaky(tree),
    );
    expect(once.suite).toMatchObject({
      outcome: "flagged",
      detail: expect.stringMatching(/red once/),
    });
    const gone: Runner = (tree) =>
      tree["test/sum.test.js"] === "another" || tree === BASE
        ? honest(tree)
        : { tests: { "test/sum.test.js could not be loaded": false } };
    const { suite } = await checksOf(BASE, change, gone);
    expect(suite).toMatchObject({
      ...{ outcome: "flagged", log: expect.any(String) },
      detail: expect.stringMatching(
        /gate test is red, and by no test that the base passed: exit 1/,
      ),
    });
    const silent: Runner = (tree) => ({ exitCode: tree["test/sum.test.js"] === "another" ? 0 : 1 });
    expect((await checksOf(BASE, change, silent)).suite?.outcome).toBe("flagged");
  });
});

describe("the tests of a fix without the fix", () => {
  const broken: Tree = { "sum.js": WRONG };
  const fix = { fix: true, budgetMs: 30_000 };

  test("pass the check where one of them is red there", async () => {
    const change = { "sum.js": RIGHT, "test/sum.test.js": "sum(1, 2) === 3" };
    const { red, seen } = await checksOf(broken, change, honest, { request: fix });
    expect(seen[0]).toEqual({ "sum.js": WRONG, "test/sum.test.js": "sum(1, 2) === 3" });
    expect(red).toMatchObject({
      outcome: "pass",
      detail: "without the fix gate test is red: 1 test fails: test/sum.test.js",
    });
  });

  test("fail it where all of them are green there", async () => {
    const change = { "sum.js": RIGHT, "test/sum.test.js": "sum(0, 0) === 0" };
    const { red } = await checksOf(broken, change, honest, { request: fix });
    expect(red).toMatchObject({
      outcome: "fail",
      detail: expect.stringMatching(/^the new tests do not show the fault: they pass without/),
    });
  });

  test("are asked for: a fix without any is flagged, and one that holds its tests inside is not looked at", async () => {
    const flagged = await checksOf(broken, { "sum.js": RIGHT }, honest, { request: fix });
    expect(flagged.red).toMatchObject({ outcome: "flagged", durationMs: 0 });
    const inside = `${RIGHT}test("adds", () => assert(sum(1, 2) === 3));\n`;
    const { red } = await checksOf(broken, { "sum.js": inside }, honest, { request: fix });
    expect(red).toMatchObject({ outcome: "skipped", detail: expect.stringContaining("sum.js") });
  });

  test("are not run where one that was red on the base passes now", async () => {
    const red = { "sum.js": WRONG, "test/sum.test.js": "sum(1, 2) === 3" };
    const ended = await checksOf(red, { ...red, "sum.js": RIGHT }, honest, { request: fix });
    expect(ended.red).toMatchObject({
      ...{ outcome: "pass", durationMs: 0 },
      detail: "red on the base and green now: 1 test: test/sum.test.js",
    });
  });

  test("are nobody's business where the task is no fix", async () => {
    const change = { "sum.js": RIGHT, "test/sum.test.js": "sum(0, 0) === 0" };
    expect((await checksOf(broken, change, honest)).red).toBeUndefined();
  });
});

describe("mutants of a change", () => {
  const work = {
    ...BASE,
    "max.js": "export const max = (a, b) => {\n  return a > b ? a : b;\n};\n",
  };
  const mutants = (checks: readonly Check[]) => checks.find(({ check }) => check === "mutants");

  test("flag tests that are green on each of them, and say which they were", async () => {
    const { checks, seen } = await checksOf(BASE, work, honest);
    expect(mutants(checks)).toMatchObject({
      outcome: "flagged",
      detail: expect.stringMatching(/^the tests catch none of \d mutants: .*max \(max\.js:1\)/),
    });
    expect(seen.every((tree) => tree["max.js"] !== work["max.js"])).toBe(true);
  });

  test("are caught by tests that see the function", async () => {
    const { checks } = await checksOf(BASE, work, (tree) => ({
      tests: { ...honest(tree).tests, max: (tree["max.js"] ?? work["max.js"]) === work["max.js"] },
    }));
    expect(mutants(checks)).toMatchObject({
      outcome: "pass",
      detail: expect.stringMatching(/^(\d) of \1 mutants caught$/),
    });
  });

  test("are not made where no function changed", async () => {
    const { checks } = await checksOf(BASE, { ...BASE, "README.md": "words" }, honest);
    expect(mutants(checks)).toMatchObject({ outcome: "skipped", durationMs: 0 });
  });
});

describe("the verification budget", () => {
  const change = { ...BASE, "sum.js": `${RIGHT}// more\n`, "test/sum.test.js": "sum(1, 2) > 2" };

  test("ends a gate that overruns it, and what follows is not begun", async () => {
    const request = { fix: true, budgetMs: 4000 };
    const slow: Runner = (tree) => ({ ...honest(tree), ms: 6000 });
    const { checks, seen } = await checksOf(BASE, change, slow, { request });
    expect(seen).toHaveLength(1);
    expect(checks.slice(0, 2)).toMatchObject([
      { check: "base-suite", outcome: "skipped", durationMs: 4000 },
      { check: "red-on-base", outcome: "skipped", durationMs: 0 },
    ]);
    for (const { detail } of checks.slice(0, 2))
      expect(detail).toMatch(/^the verification budget was used up/);
  });

  test("of 0 leaves them all out, and says so", async () => {
    const request = { fix: true, budgetMs: 0 };
    const { checks, seen } = await checksOf(BASE, change, honest, { request });
    expect(seen).toEqual([]);
    expect(new Set(checks.map(({ outcome }) => outcome))).toEqual(new Set(["skipped"]));
  });
});
