import type { TestOutcomes } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { ended } from "./exec-fixture.ts";
import { type Baseline, type Facts, judge } from "./judge.ts";

const back = "fewer tests than the base, bring them back";
const run = "more tests are skipped than on the base, let them run";
const hidden = "failed on the base, so make them pass or leave them";

const LIMITS = { diskMb: 100, inodes: 5000 };

/** `a b! c? d~ x>e`: passed, failed, skipped, todo, and one of the file x. */
const tests = (text: string): TestOutcomes =>
  text
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => {
      const outcome = { "!": "failed", "?": "skipped", "~": "todo" }[word.at(-1) ?? ""] ?? "passed";
      const name = (outcome === "passed" ? word : word.slice(0, -1)).replace(">", " > ");
      return { name, outcome: outcome as TestOutcomes[number]["outcome"] };
    });

const reported = (text: string): Facts["answer"] => ({
  kind: "report",
  report: { runner: "vitest", tests: tests(text) },
});

const base = (text: string, red?: Baseline["red"]): Baseline => ({
  ...{ gate: "test", list: "a".repeat(64), outcomes: tests(text), red },
});

const facts = (over: Partial<Facts> = {}): Facts => ({
  ...{ gate: "test", limits: LIMITS, answer: { kind: "none" }, permits: [] },
  ...over,
});

describe("the engine's word", () => {
  test.each([
    [{ exitCode: 0 }, "pass", "exit 0"],
    [{ exitCode: 1 }, "fail", "exit 1"],
    [{ exitCode: 255 }, "fail", "exit 255"],
    [{ exitCode: 126 }, "not_run", "command cannot be executed (exit 126)"],
    [{ exitCode: 127 }, "not_run", "command not found (exit 127)"],
    [{ exitCode: null }, "fail", "ended by a signal"],
    [{ exitCode: null, timedOut: true, durationMs: 61_240 }, "fail", "timed out after 61.2 s"],
    [{ exitCode: 0, timedOut: true, durationMs: 2000 }, "fail", "timed out after 2 s"],
    [{ exitCode: 0, oomKilled: true }, "fail", "killed: out of memory"],
    [{ exitCode: 137, oomKilled: true }, "fail", "killed: out of memory"],
    [{ exitCode: null, exceeded: "disk" }, "fail", "used more than 100 MB of disk"],
    [{ exitCode: 0, exceeded: "inodes" }, "fail", "made more than 5000 files"],
    [{ exitCode: 1, output: "all tests passed\nexit 0" }, "fail", "exit 1"],
  ] as const)("%j is %s", (exec, verdict, reason) => {
    expect(judge(ended(exec), facts())).toEqual({ verdict, reason });
  });

  test.each([
    [{ exitCode: 127 }, "not_run", "command not found (exit 127)"],
    [{ exitCode: 0, oomKilled: true }, "fail", "killed: out of memory"],
    [{ exitCode: null, timedOut: true, durationMs: 2000 }, "fail", "timed out after 2 s"],
    [{ exitCode: 2 }, "fail", "exit 2"],
  ] as const)("%j stays %s whatever a report says", (exec, verdict, reason) => {
    const red = { exitCode: 1, receipt: "rc-1" };
    const over = { answer: reported("a b"), baseline: base("a b!", red) };
    expect(judge(ended(exec), facts(over))).toEqual({ verdict, reason });
  });
});

describe("a report of a gate that ended with exit 0", () => {
  test.each([
    ["a", "pass", "exit 0, 1 test"],
    ["a b c?", "pass", "exit 0, 3 tests"],
    ["", "not_run", "no test was collected"],
    ["a? b~", "not_run", "none of its 2 tests ran: all are skipped"],
    ["a b! c!", "fail", "exit 0, but its report says otherwise: 2 tests fail: b; c"],
  ] as const)("of `%s` makes it %s", (text, verdict, reason) => {
    expect(judge(ended(), facts({ answer: reported(text) }))).toEqual({ verdict, reason });
  });

  test("that cannot be read makes it red, with or without a base", () => {
    const answer = { kind: "unreadable", reason: "it is not of this gate" } as const;
    const told = {
      verdict: "fail",
      reason: "exit 0, but its test report cannot be trusted: it is not of this gate",
    };
    expect(judge(ended(), facts({ answer }))).toEqual(told);
    const permits = ["gates:test"];
    expect(judge(ended(), facts({ answer, permits, baseline: base("a") }))).toEqual(told);
  });

  test("names the tests that fail where the exit code tells too, and no report is needed for that", () => {
    expect(judge(ended({ exitCode: 1 }), facts({ answer: reported("a b!") })).reason).toBe(
      "exit 1: 1 test fails: b",
    );
    const answer = { kind: "unreadable", reason: "cut" } as const;
    expect(judge(ended({ exitCode: 1 }), facts({ answer })).reason).toBe("exit 1");
  });

  test("names no more tests than a person reads", () => {
    const many = Array.from({ length: 500 }, (_, i) => `${"x".repeat(400)}${i}!`).join(" ");
    const { reason } = judge(ended(), facts({ answer: reported(many) }));
    expect(reason.length).toBeLessThan(2000);
    expect(reason).toMatch(/500 tests fail: .*; and 480 more$/);
  });
});

describe("against the tests of the base, a green gate", () => {
  test.each([
    ["the same", "a b", "a b"],
    ["more", "a b", "a b c"],
    ["one renamed", "a b", "a c"],
    ["one skipped there too", "a b?", "a b?"],
    ["one that is no longer skipped", "a b?", "a b"],
    ["another skipped in the place of one", "a b?", "a b c?"],
    ["a skipped one renamed", "a b?", "a c?"],
    ["a skipped one moved, and another renamed", "x>a x>b?", "x>c y>b?"],
    ["one failing there that passes", "a b!", "a b"],
  ])("with %s is green", (_, before, now) => {
    const over = { answer: reported(now), baseline: base(before) };
    expect(judge(ended(), facts(over)).verdict).toBe("pass");
  });

  test.each([
    ["one less", "a b c", "a c", `${back}: 1 test is gone: b`],
    ["two less and a new one", "a b c", "a d", `${back}: 2 tests are gone: b; c`],
    ["one skipped", "a b", "a b?", `${run}: 1 test is skipped: b`],
    ["one still to be written", "a b", "a b~", `${run}: 1 test is skipped: b`],
    ["a new one that is skipped", "a", "a b?", `${run}: 1 test is skipped: b`],
    ["one skipped for another", "a b?", "a? b", `${run}: 1 test is skipped: a`],
    [
      "one skipped by another name for one that is gone",
      "a b?",
      "c? d",
      `${run}: 1 test is skipped: c`,
    ],
    [
      "one skipped elsewhere for one that is gone",
      "x>a x>b?",
      "y>a? x>d",
      `${run}: 1 test is skipped: y > a`,
    ],
  ])("with %s is red", (_, before, now, reason) => {
    const over = { answer: reported(now), baseline: base(before) };
    expect(judge(ended(), facts(over))).toEqual({ verdict: "fail", reason });
  });

  const given = (...names: string[]): TestOutcomes =>
    names.map((name) => ({ name, outcome: "passed" as const }));
  const BEFORE = given("a.js > x", "a.js > y", "b.js > suite > z");
  const compared = (...now: string[]) => {
    const answer = { kind: "report", report: { runner: "vitest", tests: given(...now) } } as const;
    return judge(ended(), facts({ answer, baseline: { ...base(""), outcomes: BEFORE } }));
  };

  test.each([
    ["renamed in its file", ["a.js > x", "a.js > w", "b.js > suite > z"]],
    ["moved to another file", ["a.js > x", "b.js > y", "b.js > suite > z"]],
    ["moved to another suite of a new file", ["a.js > x", "a.js > y", "c.js > z"]],
    ["renamed with its file", ["a.js > x", "a.js > y", "c.js > w"]],
    ["one of two that share a name, and was moved", ["a.js > x", "c.js > x > y", "b.js > z"]],
  ])("with one %s is green", (_, now) => {
    expect(compared(...now)).toMatchObject({ verdict: "pass" });
  });

  test.each([
    ["another in another file", ["a.js > x", "b.js > suite > z", "b.js > w"], "a.js > y"],
    ["another in a new file", ["a.js > x", "b.js > suite > z", "c.js > w"], "a.js > y"],
    ["its file gone and another in an old one", ["a.js > x", "a.js > y", "a.js > w"], "b.js .*z"],
  ])("with one less and %s is red", (_, now, name) => {
    expect(compared(...now).reason).toMatch(new RegExp(`${back}: 1 test is gone: ${name}$`));
  });

  test("without a report where the base has one is red", () => {
    expect(judge(ended(), facts({ baseline: base("a b") }))).toEqual({
      verdict: "fail",
      reason: "the base's test runner reported 2 tests and this one nothing: let it run them again",
    });
  });

  test.each([
    ["of its own name opens it", ["gates:test"], "pass"],
    ["of another gate does not", ["gates:lint"], "fail"],
    ["of the test's file opens it", ["path:test/b.test.ts"], "pass"],
    ["of another file does not", ["path:test/c.test.ts", "lockfile"], "fail"],
  ])("that lost tests and has a permit %s", (_, permits, verdict) => {
    const named = (name: string) => ({ name, outcome: "passed" as const });
    const [a, b] = [named("test/a.test.ts > adds"), named("test/b.test.ts > subtracts")];
    const baseline: Baseline = { ...base(""), outcomes: [a, b] };
    const gone: Facts["answer"] = { kind: "report", report: { runner: "vitest", tests: [a] } };
    expect(judge(ended(), facts({ answer: gone, baseline, permits })).verdict).toBe(verdict);
    const skips = [a, { ...b, outcome: "skipped" as const }];
    const skipped: Facts["answer"] = { kind: "report", report: { runner: "vitest", tests: skips } };
    expect(judge(ended(), facts({ answer: skipped, baseline, permits })).verdict).toBe(verdict);
  });

  test("with a permit may stop reporting, but is never green with failing tests or with none", () => {
    const permits = ["gates:test"];
    const given = (answer: Facts["answer"]) =>
      judge(ended(), facts({ answer, permits, baseline: base("a b") })).verdict;
    expect(given({ kind: "none" })).toBe("pass");
    expect(given(reported("a b!"))).toBe("fail");
    expect(given(reported(""))).toBe("not_run");
  });
});

describe("a gate that is red on the base", () => {
  const red = { exitCode: 1, receipt: "rc-1" };
  const judged = (before: string, now: string, over: Partial<Facts> = {}, exitCode = 1) =>
    judge(
      ended({ exitCode }),
      facts({ answer: reported(now), baseline: base(before, red), ...over }),
    );

  test("passes where the same tests fail, and says so", () => {
    expect(judged("a b! c!", "a b! c!")).toEqual({
      verdict: "pass",
      reason: "red on the base too: the same 2 tests fail: b; c",
      baseRed: { failing: 2, receipt: "rc-1" },
    });
  });

  test.each([
    ["some of them pass now", "a b! c!", "a b! c"],
    ["there are new tests", "a b!", "a b! d"],
  ])("passes where %s", (_, before, now) => {
    expect(judged(before, now)).toMatchObject({ verdict: "pass", baseRed: { failing: 1 } });
  });

  test.each([
    ["another test fails", "a b!", "a! b!", "exit 1: 1 test fails that did not on the base: a"],
    ["a new test fails", "a b!", "a b! c!", "exit 1: 1 test fails that did not on the base: c"],
    ["a failing one is gone", "a b! c!", "a b! d", `${hidden}: 1 test is gone or skipped: c`],
    ["a failing one is skipped", "a b! c!", "a b! c?", `${hidden}: 1 test is gone or skipped: c`],
    ["a passing one is gone", "a b c!", "b c!", `${back}: 1 test is gone: a`],
    ["a passing one is skipped", "a b c!", "a? b c!", `${run}: 1 test is skipped: a`],
    ["all pass and something else is wrong", "a b!", "a b", "exit 1"],
    ["nothing is reported", "a b!", "", "exit 1"],
  ])("stays red where %s", (_, before, now, reason) => {
    expect(judged(before, now)).toEqual({ verdict: "fail", reason });
  });

  test("stays red with another exit code, without a report, and with one that cannot be read", () => {
    expect(judged("a b!", "a b!", {}, 2)).toMatchObject({ verdict: "fail" });
    expect(judged("a b!", "a b!", { answer: { kind: "none" } })).toMatchObject({ verdict: "fail" });
    const answer = { kind: "unreadable", reason: "cut" } as const;
    expect(judged("a b!", "a b!", { answer })).toMatchObject({ verdict: "fail" });
  });

  test("stays red where that was never shown to be an incident", () => {
    expect(judged("a b!", "a b!", { baseline: base("a b!") })).toMatchObject({ verdict: "fail" });
  });
});
