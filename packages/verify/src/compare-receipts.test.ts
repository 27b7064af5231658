import type { GateResult, Receipt, TestOutcomes } from "@headrace/domain";
import { expect, it } from "vitest";
import { compareReceipts } from "./compare-receipts.ts";

const hash = (digit: string) => digit.repeat(64);
const LISTS = new Map<string, TestOutcomes>();

const result = (gate: string, more: Partial<GateResult> = {}): GateResult => ({
  gate,
  verdict: "pass",
  reason: "exit 0",
  exitCode: 0,
  durationMs: 1,
  log: hash("0"),
  ...more,
});

const reported = (gate: string, digit: string, tests: TestOutcomes): GateResult => {
  LISTS.set(hash(digit), tests);
  const counts = { total: tests.length, passed: 0, failed: 0, skipped: 0 };
  return result(gate, { tests: { ...counts, list: hash(digit) } });
};

const receipt = (...results: GateResult[]): Receipt => ({
  id: "one",
  key: {
    tree: "a".repeat(40),
    landingBaseTree: "b".repeat(40),
    policy: hash("c"),
    image: "image",
    permits: [],
    gates: results.map(({ gate }) => gate),
  },
  results,
  at: "2026-01-01T00:00:00.000Z",
});

const compare = (recorded: Receipt, now: Receipt) =>
  compareReceipts(recorded, now, async (list) => LISTS.get(list) ?? []);

it("gates with one verdict are equal, however long they took and whatever they printed", async () => {
  const again = result("test", { durationMs: 9, log: hash("1"), reason: "exit 0, 3 tests" });
  const [gate] = await compare(receipt(result("test")), receipt(again));
  expect(gate).toMatchObject({ gate: "test", equal: true, tests: [] });
});

it("another verdict differs, and so does a gate that one of the two receipts has no result of", async () => {
  const recorded = receipt(result("lint"), result("test"), result("types"));
  const now = {
    ...receipt(result("lint", { verdict: "fail" }), result("test")),
    key: recorded.key,
  };
  const gates = await compare(recorded, now);
  expect(gates.map(({ gate, equal }) => [gate, equal])).toEqual([
    ["lint", false],
    ["test", true],
    ["types", false],
  ]);
});

it("tests that ended otherwise, are new or are gone are named, where both runs have a report", async () => {
  const passed = { outcome: "passed" } as const;
  const recorded = reported("test", "1", [
    { name: "a", ...passed },
    { name: "gone", ...passed },
    { name: "twice", ...passed },
    { name: "twice", outcome: "failed" },
    { name: "turned", ...passed },
  ]);
  const now = reported("test", "2", [
    { name: "twice", outcome: "failed" },
    { name: "a", ...passed },
    { name: "new", ...passed },
    { name: "turned", outcome: "skipped" },
    { name: "twice", ...passed },
  ]);
  expect(await compare(receipt(recorded), receipt(now))).toMatchObject([
    {
      equal: false,
      tests: [
        { name: "gone", recorded: "passed" },
        { name: "turned", recorded: "passed", now: "skipped" },
        { name: "new", now: "passed" },
      ],
    },
  ]);
  expect(await compare(receipt(recorded), receipt(result("test")))).toMatchObject([
    { equal: true, tests: [] },
  ]);
});
