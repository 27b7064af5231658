import { describe, expect, test } from "vitest";
import { readReports } from "./index.ts";

const NONCE = "0123456789abcdef0123456789abcdef";

const file = (...lines: unknown[]) => ({
  name: "a.report",
  bytes: new TextEncoder().encode(
    lines.map((line) => (typeof line === "string" ? line : `${JSON.stringify(line)}\n`)).join(""),
  ),
});
const begin = { begin: NONCE, runner: "vitest" };
const end = (count: number) => ({ end: NONCE, count });
const passed = (name: string) => ({ test: name, outcome: "passed" });
const read = (...files: Parameters<typeof readReports>[0]) => readReports(files, NONCE);
const testsOf = (...files: ReturnType<typeof file>[]) => {
  const answer = read(...files);
  if (answer.kind !== "report") throw new Error(JSON.stringify(answer));
  return answer.report.tests;
};

describe("a report", () => {
  test("is none where no runner wrote one", () => {
    expect(read()).toEqual({ kind: "none" });
  });

  test("tells each test with its outcome, sorted by name", () => {
    expect(
      read(file(begin, passed("b > x"), { test: "a > y", outcome: "failed" }, end(2))),
    ).toEqual({
      kind: "report",
      report: {
        runner: "vitest",
        tests: [
          { name: "a > y", outcome: "failed" },
          { name: "b > x", outcome: "passed" },
        ],
      },
    });
  });

  test("of several runners is one", () => {
    const other = file({ begin: NONCE, runner: "jest" }, passed("b"), end(1));
    expect(read(file(begin, passed("a"), end(1)), other)).toMatchObject({
      report: { runner: "jest, vitest", tests: [{ name: "a" }, { name: "b" }] },
    });
  });

  test("of a runner that found no tests is a report of none", () => {
    expect(testsOf(file(begin, end(0)))).toEqual([]);
  });
});

describe("a report is unreadable", () => {
  test.each([
    ["that begins and does not end", file(begin, passed("a"))],
    ["that has no more than a beginning", file(begin)],
    ["whose last line is cut", file(begin, passed("a"), '{"end":"0123')],
    ["whose last line does not end", file(begin, JSON.stringify(end(0)))],
    ["of another gate", file({ ...begin, begin: "ffff" }, end(0))],
    ["that ends as another", file(begin, { end: "ffff", count: 0 })],
    ["that lacks tests", file(begin, passed("a"), end(2))],
    ["with tests that it did not count", file(begin, passed("a"), passed("b"), end(1))],
    ["with a line cut in its middle", file(begin, '{"test":"a","out\n', end(1))],
    ["with an outcome nobody knows", file(begin, { test: "a", outcome: "fine" }, end(1))],
    ["with a name that is none", file(begin, { test: ["a"], outcome: "passed" }, end(1))],
    ["that is no object", file("[]\n", end(0))],
    ["that is empty", file()],
    ["that is XML which a test wrote", file("<testsuites/>\n")],
    ["that goes on after its end", file(begin, end(0), passed("a"))],
  ])("%s", (_, one) => {
    expect(read(file(begin, passed("a"), end(1)), one)).toMatchObject({
      kind: "unreadable",
      reason: expect.stringContaining("(a.report)"),
    });
  });

  test("that takes for ever to read", () => {
    const slow = {
      name: "a.report",
      get bytes(): Uint8Array {
        while (this.name !== "");
        return new Uint8Array();
      },
    };
    expect(read(slow)).toEqual({
      kind: "unreadable",
      reason: "it is so large or so odd that reading it takes too long",
    });
  }, 60_000);

  test("and says so where the runner began and was ended", () => {
    expect(read(file(begin, passed("a")))).toEqual({
      kind: "unreadable",
      reason: "the runner began and did not finish its report (a.report)",
    });
  });
});

describe("a name", () => {
  test("that repeats is numbered, whatever the order", () => {
    const skipped = { test: "a", outcome: "skipped" };
    const tests = testsOf(file(begin, passed("a"), skipped, passed("a"), end(3)));
    expect(tests).toEqual([
      { name: "a", outcome: "skipped" },
      { name: "a #2", outcome: "passed" },
      { name: "a #3", outcome: "passed" },
    ]);
    expect(testsOf(file(begin, skipped, passed("a"), passed("a"), end(3)))).toEqual(tests);
  });

  test("of ten megabytes is cut, and two of them stay two", () => {
    const long = "x".repeat(10_000_000);
    const tests = testsOf(file(begin, passed(`${long}1`), passed(`${long}2`), end(2)));
    expect(tests.map(({ name }) => name.length <= 500)).toEqual([true, true]);
    expect(new Set(tests.map(({ name }) => name)).size).toBe(2);
  });

  test("drives no terminal, is well-formed and says where in the workspace", () => {
    const odd = file(
      begin,
      '{"test":"/workspace/a.ts > \\ud800\\u001b[2J\\nx","outcome":"passed"}\n',
      end(1),
    );
    expect(testsOf(odd)).toEqual([{ name: "a.ts > \ufffd x", outcome: "passed" }]);
  });

  test("that means something to JavaScript means nothing here", () => {
    const odd = ["__proto__", "constructor", "toString"];
    const lines = odd.map(
      (name) => `{"__proto__":{"outcome":"passed"},"test":"${name}","outcome":"failed"}\n`,
    );
    expect(testsOf(file(begin, ...lines, end(3)))).toEqual(
      [...odd].sort().map((name) => ({ name, outcome: "failed" })),
    );
    expect(({} as Record<string, unknown>).outcome).toBeUndefined();
  });

  test("that is given twice in one line is the last, as every reader of JSON has it", () => {
    expect(
      testsOf(file(begin, '{"test":"a","outcome":"passed","outcome":"failed"}\n', end(1))),
    ).toEqual([{ name: "a", outcome: "failed" }]);
  });
});

test("of more tests than are kept, those that passed are left out first", () => {
  const many = Array.from({ length: 50_000 }, (_, i) => passed(`t${i}`));
  const tests = testsOf(file(begin, ...many, { test: "z", outcome: "failed" }, end(50_001)));
  expect(tests).toHaveLength(50_000);
  expect(tests.at(-1)).toEqual({ name: "z", outcome: "failed" });
});

describe("of a command that writes JUnit XML", () => {
  const xml = (name: string, text: string) => ({ name, bytes: new TextEncoder().encode(text) });
  const suite = (...cases: string[]) => `<testsuite>${cases.join("")}</testsuite>`;
  const junit = (...files: ReturnType<typeof file>[]) => readReports(files, NONCE, "junit");

  test("all files are one report, with that of a runner which is known", () => {
    expect(
      junit(
        xml("TEST-a.A$B.xml", suite('<testcase classname="a.A" name="x"/>')),
        xml("ctest.xml", suite('<testcase name="y"><failure/></testcase>')),
        xml("a.A.txt", "Tests run: 1"),
        file(begin, passed("c"), end(1)),
      ),
    ).toEqual({
      kind: "report",
      report: {
        runner: "junit, vitest",
        tests: [
          { name: "a.A > x", outcome: "passed" },
          { name: "c", outcome: "passed" },
          { name: "y", outcome: "failed" },
        ],
      },
    });
  });

  test("none is unreadable, whatever else was written, and says where it belongs", () => {
    const reason = "there is no JUnit XML in $HEADRACE_REPORTS";
    expect(junit()).toEqual({ kind: "unreadable", reason });
    expect(junit(xml("junit.txt", suite()))).toEqual({ kind: "unreadable", reason });
    expect(junit(file(begin, passed("a"), end(1)))).toEqual({ kind: "unreadable", reason });
  });

  test("one that is cut makes all of them unreadable", () => {
    expect(junit(xml("a.xml", suite('<testcase name="a"/>')), xml("b.xml", "<testsuite>"))).toEqual(
      { kind: "unreadable", reason: "it is no XML (b.xml)" },
    );
  });

  test("of more tests than any gate has is unreadable, in one file and in many", () => {
    const reason = expect.stringMatching(/^it tells of more than 200000 tests \([abc]\.xml\)$/);
    const many = (name: string, count: number) =>
      xml(name, suite("<testcase name='a'/>".repeat(count)));
    expect(junit(many("a.xml", 300_000))).toEqual({ kind: "unreadable", reason });
    const files = ["a.xml", "b.xml", "c.xml"].map((name) => many(name, 80_000));
    expect(junit(...files)).toEqual({ kind: "unreadable", reason });
    const answer = junit(...files.slice(1));
    expect(answer.kind === "report" && answer.report.tests).toHaveLength(50_000);
  });
});
