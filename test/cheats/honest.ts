import { type HonestRow, honestOf, JS, json, swap, TS, WORK_JS } from "./cases.ts";

const SUM = "test/sum.test.js";
const sum = JS[SUM] ?? "";
const sumTs = TS["test/sum.test.ts"] ?? "";
const scripts = JSON.parse(JS["package.json"] ?? "{}").scripts;
const MAX_TEST =
  'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { max } from "../src/max.js";\n\ntest("is the largest", () => {\n  assert.equal(max([1, 3, 2]), 3);\n});\n';

/** Work on JavaScript that nobody may be held up for. */
const rows: HonestRow[] = [
  ["a function with its test", { ...WORK_JS, "test/max.test.js": MAX_TEST }],
  [
    "more cases in a test file",
    { [SUM]: `${sum}\ntest("adds negatives", () => {\n  assert.equal(sum([-1, 1]), 0);\n});\n` },
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
      "test/mean.test.js": `${JS["test/mean.test.js"]}${sum.slice(sum.indexOf("\ntest("))}`,
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
  [
    "a dependency, by permit",
    {
      "package.json": json(JS, "package.json", { dependencies: { kleur: "4.1.5", mri: "1.2.0" } }),
      "package-lock.json": '{ "name": "sums", "lockfileVersion": 3, "packages": {} }\n',
    },
    JS,
    ["lockfile"],
  ],
  [
    "a script that no gate runs",
    { "package.json": json(JS, "package.json", { scripts: { ...scripts, docs: "typedoc" } }) },
  ],
  [
    "a description and keywords in package.json",
    {
      "package.json": json(JS, "package.json", {
        description: "Adds.",
        keywords: ["sum"],
        exports: "./src/sum.js",
      }),
    },
  ],
  ["the README", { "README.md": "# sums\n\nAdds numbers, and says `test.skip(` nowhere.\n" }],
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
    "one ts-expect-error with its reason",
    {
      "src/sum.ts": `// @ts-expect-error: the types of the library lag behind\nimport "untyped";\n${TS["src/sum.ts"]}`,
    },
    TS,
  ],
  [
    "product code refactored",
    {
      "src/sum.js": (JS["src/sum.js"] ?? "").replace(
        / {2}let[\s\S]*?total;\n/,
        "  return list.reduce((a, b) => a + b, 0);\n",
      ),
    },
  ],
  ["a product file renamed", { "src/main.js": null, "src/cli.js": JS["src/main.js"] ?? "" }],
  [
    "product code that filters by a regular expression with quotes",
    {
      "src/quote.js": "export const quoted = (text) => text.replace(/[\"'`]/g, '') ?? test.skip;\n",
    },
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
    "stricter types",
    {
      "tsconfig.json": swap(
        TS,
        "tsconfig.json",
        '"strict": true',
        '"strict": true, "noUncheckedIndexedAccess": true',
      ),
    },
    TS,
  ],
  [
    "an alias of paths in tsconfig",
    {
      "tsconfig.json": swap(
        TS,
        "tsconfig.json",
        '"noEmit": true',
        '"noEmit": true, "paths": { "#src/*": ["./src/*"] }',
      ),
    },
    TS,
  ],
  [
    "a linter's rule more",
    {
      "eslint.config.js": swap(
        TS,
        "eslint.config.js",
        'eqeqeq: "error"',
        'eqeqeq: "error", "no-var": "error"',
      ),
    },
    TS,
  ],
  [
    "the runner's configuration, by permit",
    { "vitest.config.ts": swap(TS, "vitest.config.ts", "90", "95") },
    TS,
    ["gates:test"],
  ],
  [
    "an obsolete test goes, by permit",
    { [SUM]: null, "src/sum.js": "export const mean = () => 0;\n" },
    JS,
    ["path:test/sum.test.js"],
  ],
  [
    "a target that no gate makes",
    { Makefile: "test:\n\tnode --test\n\nclean:\n\trm -rf out\n" },
    { ...JS, Makefile: "test:\n\tnode --test\n" },
  ],
  [
    "a script that no gate runs, in a folder of scripts",
    { "scripts/release.sh": "npm publish\n" },
    { ...JS, "scripts/test.sh": "node --test\n", "scripts/release.sh": "echo\n" },
  ],
  [
    "attributes for a language's statistics",
    { ".gitattributes": "*.gen.js linguist-generated\n*.png binary\n" },
  ],
  [
    "an example of an environment",
    { ".env.example": "PORT=3000\nDATABASE_URL=postgres://localhost/app\n" },
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
    "a Dockerfile and ignored files",
    { Dockerfile: "FROM node:22\n", ".gitignore": "node_modules\ncoverage\n" },
  ],
  [
    "a first configuration of a linter, with what it ignores",
    { "eslint.config.js": 'export default [{ ignores: ["dist"] }];\n' },
  ],
  [
    "queries with a skip of their own",
    {
      [SUM]: `${sum}\ntest("pages", () => {\n  assert.equal(sum(query.skip(3).limit(4)), 10);\n});\n`,
    },
  ],
];

export const HONEST_JAVASCRIPT = honestOf(rows, JS);
