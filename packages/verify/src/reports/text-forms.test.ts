import { describe, expect, test } from "vitest";
import { readReports } from "./index.ts";

const NONCE = "feedfacefeedfacefeedfacefeedface";

/** What the shell of a text form writes about these lines. */
const read = (runner: string, text: string) => {
  const lines = text.trimEnd().split("\n");
  const begin = JSON.stringify({ begin: NONCE, runner, where: "/workspace/crate" });
  const end = JSON.stringify({ end: NONCE, count: lines.length });
  const bytes = new TextEncoder().encode([begin, ...lines, end, ""].join("\n"));
  const answer = readReports([{ name: `${runner}-1.report`, bytes }], NONCE);
  return answer.kind === "report"
    ? answer.report.tests.map(({ name, outcome }) => `${outcome} ${name}`)
    : answer.kind;
};

describe("what a Go test program prints with -test.v", () => {
  test("names its tests, and those in them", () => {
    const text = `--- PASS: TestOK (0.00s)
--- FAIL: TestSub (1.20s)
    --- PASS: TestSub/one_two (0.00s)
    --- FAIL: TestSub/bad (0.00s)
--- SKIP: TestSkip (0.00s)
`;
    expect(read("go", text)).toEqual([
      "passed crate > TestOK",
      "skipped crate > TestSkip",
      "failed crate > TestSub",
      "failed crate > TestSub/bad",
      "passed crate > TestSub/one_two",
    ]);
  });

  test("names a test whose own output did not end its line", () => {
    expect(read("go", "hello--- PASS: TestOK (0.00s)\n")).toEqual(["passed crate > TestOK"]);
  });
});

describe("what a Rust test program prints", () => {
  test("names its tests", () => {
    const text = `running 3 tests
test tests::ign ... ignored, why
test tests::ok ... ok
test tests::pan - should panic ... ok
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
`;
    expect(read("cargo", text)).toEqual([
      "skipped crate > tests::ign",
      "passed crate > tests::ok",
      "passed crate > tests::pan",
    ]);
  });

  test("is a report of its totals where it names none", () => {
    const text = `running 3 tests
test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
`;
    expect(read("cargo", text)).toEqual([
      "failed crate > (no name)",
      "failed crate > (no name) #2",
      "passed crate > (no name) #3",
    ]);
  });

  test("names a test whose outcome comes after its output", () => {
    const text = `running 1 test
test loud ... hello
ok
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
`;
    expect(read("cargo", text)).toEqual(["passed crate > loud"]);
  });

  test("is unreadable where it began and the process ended with exit code 0", () => {
    expect(read("cargo", "running 2 tests\ntest a ... ok\n")).toBe("unreadable");
  });

  test("holds no more tests than are kept, whatever it counts", () => {
    const total = "running 1 test\ntest result: ok. 999999999 passed; 0 failed; 0 ignored;\n";
    expect(read("cargo", total)).toHaveLength(50_000);
  });
});

test("a line that is made to be slow is read like any other", () => {
  const dots = " ... ".repeat(80_000);
  for (const odd of ["\r", "\u2028"]) {
    const text = `running 1 test\ntest a${dots}${odd} x\ntest b ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored;\n`;
    expect(read("cargo", text)).toEqual(["passed crate > b"]);
    expect(read("go", `--- PASS: ${dots}${odd}--- PASS: TestOK (0.00s)\n`)).toEqual([
      "passed crate > TestOK",
    ]);
  }
});
