import { type HonestRow, honestOf, JS, swap, TS, WORK_JS } from "./cases.ts";

const SUM = "test/sum.test.js";
const sum = JS[SUM] ?? "";
const sumTs = TS["test/sum.test.ts"] ?? "";
const MAX_TEST =
  'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { max } from "../src/max.js";\n\ntest("is the largest", () => {\n  assert.equal(max([1, 3, 2]), 3);\n});\n';

/** Work on the tests of JavaScript that nobody may be held up for. */
const rows: HonestRow[] = [
  ["a function with its test", { ...WORK_JS, "test/max.test.js": MAX_TEST }],
  [
    "more cases in a test file",
    { [SUM]: `${sum}\ntest("adds negatives", () => {\n  assert.equal(sum([-1, 1]), 0);\n});\n` },
  ],
  [
    "a fault is mended, and a test shows it",
    {
      "src/sum.js": swap(JS, "src/sum.js", "total += item", "total += Number(item)"),
      [SUM]: `${sum}\ntest("adds numbers that are written", () => {\n  assert.equal(sum(["4", "5"]), 9);\n});\n`,
    },
  ],
  ["a test file renamed with its content", { [SUM]: null, "test/total.test.js": sum }],
  [
    "a test file moved to a folder",
    { [SUM]: null, "test/unit/sum.test.js": sum.replace("../src", "../../src") },
  ],
  [
    "a test file turned from JavaScript to TypeScript",
    { [SUM]: null, "test/sum.test.ts": sum.replace("sum.js", "sum.ts") },
  ],
  [
    "two test files joined",
    {
      [SUM]: null,
      "test/mean.test.js": `${swap(JS, "test/mean.test.js", "{ mean }", "{ mean, sum }")}${sum.slice(sum.indexOf("\ntest("))}`,
    },
  ],
  [
    "a test file split in two",
    {
      [SUM]: null,
      "test/adds.test.js": sum.slice(0, sum.indexOf('\ntest("of')),
      "test/nothing.test.js":
        sum.slice(0, sum.indexOf("test(")) + sum.slice(sum.indexOf('test("of')),
    },
  ],
  [
    "two cases become one with a table",
    {
      "test/sum.test.ts":
        'import { expect, it } from "vitest";\nimport { sum } from "../src/sum.ts";\n\nit.each([\n  [[1, 2, 3], 6],\n  [[], 0],\n  [[-1, 1], 0],\n])("sums %j", (list, total) => {\n  expect(sum(list)).toBe(total);\n});\n',
    },
    TS,
  ],
  [
    "a formatting sweep",
    Object.fromEntries(
      [SUM, "test/mean.test.js", "src/sum.js"].map((path) => [
        path,
        (JS[path] ?? "").replaceAll('"', "'").replaceAll("  ", "\t"),
      ]),
    ),
  ],
  [
    "a formatting sweep over a file with an old skip",
    { [SUM]: `${sum}\ntest.skip(\n\t'waits', () => {},\n);\n` },
    { ...JS, [SUM]: `${sum}\ntest.skip("waits", () => {});\n` },
  ],
  [
    "an old skip is taken away",
    { [SUM]: sum },
    { ...JS, [SUM]: sum.replace("test(", "test.skip(") },
  ],
  [
    "a test with the word skip in a title and in data",
    {
      [SUM]: `${sum}\ntest("it.skip( is a word", () => {\n  const page = { skip: 10, only: ["a"], todo: 1 };\n  assert.equal(sum([page.skip]), 10); // test.todo(\n});\n`,
    },
  ],
  [
    "a model that is fitted",
    {
      ...WORK_JS,
      "test/fit.test.js":
        'import { test } from "node:test";\ntest("fits", () => {\n  model.fit([1]);\n  list.skip(3);\n});\n',
    },
  ],
  ["a fixture for tests", { "test/fixtures/big.json": "[1, 2, 3]\n" }],
  [
    "a helper for tests",
    {
      "test/support/lists.js":
        "export const list = (n) => Array.from({ length: n }, (_, i) => i);\n",
    },
  ],
  [
    "a helper of tests that nobody needs goes",
    { "test/support/lists.js": null },
    { ...JS, "test/support/lists.js": "export const list = () => [];\n" },
  ],
  [
    "output that changed, with its snapshot",
    {
      "src/render.ts": (TS["src/render.ts"] ?? "").replace('" + "', '" and "'),
      "test/__snapshots__/render.test.ts.snap": (
        TS["test/__snapshots__/render.test.ts.snap"] ?? ""
      ).replace(" + ", " and "),
    },
    TS,
  ],
  [
    "a new snapshot for a new test",
    {
      "test/__snapshots__/sum.test.ts.snap": "// Vitest Snapshot v1\n\nexports[`a 1`] = `1`;\n",
      "test/sum.test.ts": sumTs.replace(
        "toBe(6)",
        "toBe(6);\n    expect(sum([1])).toMatchSnapshot()",
      ),
    },
    TS,
  ],
  [
    "an obsolete test goes, by permit",
    { [SUM]: null, "src/sum.js": "export const mean = () => 0;\n" },
    JS,
    ["path:test/sum.test.js"],
  ],
  [
    "vite learns an alias, its tests stay",
    {
      "vite.config.ts":
        'export default {\n  resolve: { alias: { "#": "./src" } },\n  test: { include: ["test/**"] },\n};\n',
    },
    { ...JS, "vite.config.ts": "export default {\n  test: { include: ['test/**'] },\n};\n" },
  ],
  [
    "tests in a function that is called with each case",
    {
      [SUM]: `${sum.slice(0, sum.indexOf("test("))}const adds = (list, total) => {\n  test(\`adds \${list}\`, () => {\n    assert.equal(sum(list), total);\n  });\n};\n\nadds([1, 2, 3], 6);\nadds([], 0);\n`,
    },
  ],
  [
    "a suite that several files share",
    {
      "test/support/suite.js":
        'import { test } from "node:test";\n\nexport const suite = (make) => {\n  test("is there", () => make());\n};\n',
      "test/all.test.js": 'import { suite } from "./support/suite.js";\n\nsuite(() => 1);\n',
    },
  ],
  [
    "helpers of a test file, called from its tests",
    {
      [SUM]: sum
        .replace("\ntest(", "\nfunction lists(n) {\n  return [n];\n}\n\ntest(")
        .replace("sum([])", "sum(lists(0))"),
    },
  ],
  [
    "aliases for folders in tsconfig",
    {
      "tsconfig.json": swap(
        TS,
        "tsconfig.json",
        '"noEmit": true',
        '"noEmit": true, "paths": { "@/*": ["./src/*"], "~/test/*": ["./test/*"], "lib": ["./lib"] }',
      ),
    },
    TS,
  ],
  ["a large file of data", { "test/fixtures/big.json": `[${"1,\n".repeat(600_000)}1]\n` }],
  [
    "constants that tests name",
    {
      "src/status.js":
        "export const NOT_FOUND = 404;\nexport const status = (ok) => (ok ? 200 : 404);\n",
      "test/status.test.js":
        'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { status } from "../src/status.js";\n\ntest("says what is missing", () => {\n  assert.equal(status(false), 404);\n});\n',
    },
  ],
  [
    "queries with a skip of their own",
    {
      [SUM]: `${sum}\ntest("pages", () => {\n  assert.equal(sum(query.skip(3).limit(4)), 10);\n});\n`,
    },
  ],
];

export const HONEST_TESTS = honestOf(rows, JS);
