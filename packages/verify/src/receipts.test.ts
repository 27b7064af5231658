import { GateResult, isGreen, type Receipt } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { comparedWith, findReceipt, makeReceipt, markFlaky, receiptKeysEqual } from "./receipts.ts";

const key = {
  tree: "a".repeat(40),
  landingBaseTree: "b".repeat(40),
  policy: "c".repeat(64),
  image: "image:1",
  permits: ["lockfile", "path:docs/**"],
  gates: ["test", "lint"],
};
const result = (verdict: "pass" | "fail" | "infra_error") => ({
  gate: "test",
  verdict,
  reason: "",
  exitCode: 0,
  durationMs: 1,
  log: "d".repeat(64),
});
const receipt = (id: string, verdict: "pass" | "fail" | "infra_error", over = {}) =>
  makeReceipt({ id, key: { ...key, ...over }, results: [result(verdict)], at: new Date(0) });

describe("two verifications", () => {
  test("are the same whatever the order of permits and gates", () => {
    const turned = { ...key, permits: key.permits.toReversed(), gates: key.gates.toReversed() };
    expect(receiptKeysEqual(key, turned)).toBe(true);
    expect(receipt("rc-1", "pass").key).toEqual(
      makeReceipt({ id: "rc-1", key: turned, results: [], at: new Date(0) }).key,
    );
  });

  test.each([
    ["tree", "f".repeat(40)],
    ["landingBaseTree", "f".repeat(40)],
    ["policy", "f".repeat(64)],
    ["image", "image:2"],
    ["permits", ["lockfile"]],
    ["permits", []],
    ["gates", ["test"]],
    ["gates", ["test", "lint", "build"]],
  ])("differ by %s %j", (field, value) => {
    const other = { ...key, [field]: value };
    expect(receiptKeysEqual(key, other)).toBe(false);
    expect(findReceipt([receipt("rc-1", "pass")], other)).toBeUndefined();
  });
});

describe("a receipt is found", () => {
  test("red or green, the newest first", () => {
    const all = [
      receipt("rc-1", "pass"),
      receipt("rc-2", "fail"),
      receipt("rc-3", "pass", { image: "x" }),
    ];
    expect(findReceipt(all, key)?.id).toBe("rc-2");
  });

  test("but not where the machine had failed", () => {
    expect(findReceipt([receipt("rc-1", "infra_error")], key)).toBeUndefined();
  });
});

const gate = (name: string, over: Partial<GateResult> = {}): GateResult =>
  GateResult.parse({ ...result("pass"), gate: name, reason: "exit 0", ...over });
const tests = (list: string) => ({ total: 2, passed: 1, failed: 1, skipped: 0, list });
const of = (id: string, results: GateResult[]): Receipt =>
  makeReceipt({ id, key, results, at: new Date(0) });

describe("of two receipts of one tree", () => {
  test("the first calls flaky what the second tells differently, and is green no more", () => {
    const first = of("rc-1", [gate("test", { verdict: "fail", reason: "exit 1" }), gate("lint")]);
    const second = of("rc-2", [gate("test"), gate("lint")]);
    const marked = markFlaky(first, second);
    expect(marked.id).toBe("rc-1");
    expect(marked.results.map(({ verdict, reason }) => [verdict, reason])).toEqual([
      ["flaky", "fail (exit 1), then pass (exit 0)"],
      ["pass", "exit 0"],
    ]);
    expect(isGreen(marked)).toBe(false);
    expect(isGreen(second)).toBe(true);
  });

  test("a gate that was green first is flaky as well, and one that never ran again is left alone", () => {
    const first = of("rc-1", [gate("test"), gate("lint", { verdict: "fail" })]);
    const second = of("rc-2", [gate("test", { verdict: "fail", reason: "exit 1" })]);
    const { results } = markFlaky(first, second);
    expect(results.map(({ verdict }) => verdict)).toEqual(["flaky", "fail"]);
  });

  test("other tests that fail make a gate flaky, and other tests that pass do not", () => {
    const told = (verdict: "pass" | "fail", list: string) =>
      of("rc-1", [gate("test", { verdict, tests: tests(list) })]);
    const [a, b] = ["a".repeat(64), "b".repeat(64)];
    const marked = (verdict: "pass" | "fail", list: string) =>
      markFlaky(told(verdict, a), told(verdict, list)).results[0]?.verdict;
    expect([marked("fail", b), marked("fail", a), marked("pass", b)]).toEqual([
      ...["flaky", "fail", "pass"],
    ]);
  });
});

describe("a receipt stands for another verification", () => {
  const [a, b] = ["a".repeat(64), "b".repeat(64)];
  test.each([
    ["against the same tests of the base", a, a, true],
    ["against others", a, b, false],
    ["against tests, where it knew none", "none", a, false],
    ["against none, where it knew some", a, undefined, false],
    ["against none, as it was", "none", undefined, true],
    ["against none, and it is older than the comparison", undefined, undefined, true],
  ])("%s: %s and %s is %s", (_, before, now, stands) => {
    const receipt = of("rc-1", [gate("test", before === undefined ? {} : { baseline: before })]);
    const baseline = now === undefined ? [] : [{ gate: "test", tests: tests(now) }];
    expect(comparedWith(receipt, baseline)).toBe(stands);
  });
});
