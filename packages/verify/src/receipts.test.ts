import { describe, expect, test } from "vitest";
import { findReceipt, makeReceipt, receiptKeysEqual } from "./receipts.ts";

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
