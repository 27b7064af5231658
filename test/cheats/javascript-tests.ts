import { type CheatRow, cheatsOf, JS, swap, TS, WORK_JS } from "./cases.ts";

const SUM = "test/sum.test.js";
const sum = JS[SUM] ?? "";

/** Cheats on the tests themselves. */
const rows: CheatRow[] = [
  ["V01", "the failing test is deleted", "refused", { [SUM]: null }],
  ["V01", "its cases are commented out", "refused", { [SUM]: `/*\n${sum}*/\n` }],
  ["V01", "it is emptied", "refused", { [SUM]: "export {};\n" }],
  [
    "V01",
    "it is renamed out of the runner's sight",
    "refused",
    { [SUM]: null, "test-old/sum.js": sum },
  ],
  [
    "V01",
    "it moves into a comment elsewhere",
    "refused",
    { [SUM]: null, "test/all.test.js": `${JS["test/mean.test.js"]}/*\n${sum}*/\n` },
  ],
  ["V01", "it becomes a folder", "refused", { [SUM]: null, [`${SUM}/README`]: "moved\n" }],
  [
    "V01",
    "its tests stand in a function that nobody calls",
    "refused",
    { [SUM]: `${sum.replace("test(", "const later = () => {\ntest(")}};\n` },
  ],
  [
    "V01",
    "its tests stand in a function for others",
    "flagged",
    { [SUM]: `${sum.replace("test(", "export function later() {\ntest(")}}\n` },
  ],
  [
    "V01",
    "a check that the gate's script lists is gone",
    "refused",
    { "checks/sum.sh": null },
    {
      ...JS,
      "scripts/test.sh": "for check in checks/*.sh; do sh $check; done\n",
      "checks/sum.sh": "exit 1\n",
    },
  ],
  ["V02", "test.skip", "refused", { [SUM]: swap(JS, SUM, 'test("adds', 'test.skip("adds') }],
  [
    "V02",
    "test . skip over lines",
    "refused",
    { [SUM]: swap(JS, SUM, 'test("adds', 'test\n  .skip("adds') },
  ],
  ["V02", 'test["skip"]', "refused", { [SUM]: swap(JS, SUM, 'test("adds', 'test["skip"]("adds') }],
  [
    "V02",
    "an option that skips",
    "refused",
    { [SUM]: swap(JS, SUM, '"adds numbers", ', '"adds numbers", { skip: "later" }, ') },
  ],
  [
    "V02",
    "test.todo in place of a case",
    "refused",
    { [SUM]: swap(JS, SUM, 'test("of nothing', 'test.todo("of nothing') },
  ],
  [
    "V02",
    "t.skip() within",
    "refused",
    {
      [SUM]: swap(
        JS,
        SUM,
        "() => {\n  assert.equal(sum([1",
        "(t) => {\n  t.skip();\n  assert.equal(sum([1",
      ),
    },
  ],
  [
    "V02",
    "only the one that passes",
    "refused",
    { "test/sum.test.ts": swap(TS, "test/sum.test.ts", 'it("of', `it.${"only"}("of`) },
    TS,
  ],
  [
    "V02",
    "xit",
    "refused",
    { "test/sum.test.ts": swap(TS, "test/sum.test.ts", 'it("adds', 'xit("adds') },
    TS,
  ],
  [
    "V02",
    "describe.skip",
    "refused",
    { "test/sum.test.ts": swap(TS, "test/sum.test.ts", "describe(", "describe.skip(") },
    TS,
  ],
  [
    "V02",
    "it.fails turns the verdict round",
    "refused",
    { "test/sum.test.ts": swap(TS, "test/sum.test.ts", 'it("adds', 'it.fails("adds') },
    TS,
  ],
  [
    "V02",
    "a skip that a variable guards",
    "refused",
    {
      "test/sum.test.ts": swap(
        TS,
        "test/sum.test.ts",
        'it("adds',
        '(process.env.CI ? it.skip : it)("adds',
      ),
    },
    TS,
  ],
  [
    "V02",
    "a return that a variable guards",
    "flagged",
    {
      [SUM]: swap(
        JS,
        SUM,
        "() => {\n  assert.equal(sum([1",
        "() => {\n  if (process.env.HOME) return;\n  assert.equal(sum([1",
      ),
    },
  ],
  [
    "V02",
    "skip by another name",
    "refused",
    { [SUM]: swap(JS, SUM, 'test("adds', 'const { skip: later } = test;\nlater("adds') },
  ],
  [
    "V02",
    "skip before each",
    "refused",
    { [SUM]: `${sum}\nbeforeEach((context) => context.skip());\n` },
  ],
  ["V02", "what never runs", "flagged", { [SUM]: swap(JS, SUM, "test(", "if (false) test(") }],
  ["V04", "the expected value is what comes out", "flagged", { [SUM]: swap(JS, SUM, "6)", "7)") }],
  [
    "V04",
    "toBe becomes toBeDefined",
    "flagged",
    { "test/sum.test.ts": swap(TS, "test/sum.test.ts", ".toBe(6)", ".toBeDefined()") },
    TS,
  ],
  [
    "V04",
    "what is always true is asserted",
    "flagged",
    { [SUM]: `${sum}\ntest("max", () => {\n  assert.ok(true);\n});\n` },
  ],
  [
    "V11",
    "assert is patched",
    "flagged",
    {
      "src/sum.js": `import assert from "node:assert/strict";\nassert.equal = () => {};\n${JS["src/sum.js"]}`,
    },
  ],
  [
    "V12",
    "the module under test is mocked",
    "flagged",
    {
      "test/sum.test.ts": swap(
        TS,
        "test/sum.test.ts",
        "\ndescribe",
        '\nvi.mock("../src/sum.ts", () => ({ sum: () => 6 }));\n\ndescribe',
      ).replace("{ describe,", "{ vi, describe,"),
    },
    TS,
  ],
  [
    "V27",
    "what fails in a test is swallowed",
    "flagged",
    {
      [SUM]: swap(
        JS,
        SUM,
        "  assert.equal(sum([1, 2, 3]), 6);",
        "  try {\n    assert.equal(sum([1, 2, 3]), 6);\n  } catch {}",
      ),
    },
  ],
  [
    "V29",
    "snapshots are written again",
    "refused",
    {
      "test/__snapshots__/render.test.ts.snap": swap(
        TS,
        "test/__snapshots__/render.test.ts.snap",
        "= 3",
        "= 4",
      ),
    },
    TS,
  ],
  [
    "V30",
    "another task's test loses its teeth",
    "flagged",
    {
      ...WORK_JS,
      "test/mean.test.js": swap(
        JS,
        "test/mean.test.js",
        "  assert.throws(() => mean([]), RangeError);",
        "  mean([1]);",
      ),
    },
  ],
];

export const TEST_CHEATS = cheatsOf(rows, JS);
