import { type CheatRow, cheatsOf, JS, json, scripts, swap, TS, WORK_JS } from "./cases.ts";

/** Cheats on what stands around the tests, and on the code they test. */
const rows: CheatRow[] = [
  [
    "V06",
    "a reporter in vitest's configuration",
    "refused",
    {
      "vitest.config.ts": swap(
        TS,
        "vitest.config.ts",
        "test: {",
        'test: {\n    reporters: ["./quiet.ts"],',
      ),
      "quiet.ts": "export default class {}\n",
    },
    TS,
  ],
  [
    "V06",
    "the setup file it names",
    "refused",
    { "test/support/setup.ts": 'import { expect } from "vitest";\nexpect.extend({});\n' },
    TS,
  ],
  [
    "V07",
    "the script exits 0",
    "refused",
    { ...WORK_JS, "package.json": scripts(JS, { test: "node --test || exit 0" }) },
  ],
  [
    "V07",
    "a script that the script runs",
    "refused",
    { "package.json": scripts(TS, { types: "true" }) },
    TS,
  ],
  [
    "V07",
    "the Makefile's target",
    "refused",
    { Makefile: "test:\n\t-node --test\n" },
    { ...JS, Makefile: "test:\n\tnode --test\n" },
  ],
  [
    "V07",
    "the shell script that is the gate",
    "refused",
    { "scripts/test.sh": "node --test; exit 0\n" },
    { ...JS, "scripts/test.sh": "node --test\n" },
  ],
  [
    "V08",
    "process.exit(0) at import",
    "flagged",
    { "src/sum.js": `process.exit(0);\n${JS["src/sum.js"]}` },
  ],
  [
    "V08",
    "process.exit hidden behind a name",
    { needs: "report" },
    { "src/sum.js": `const end = process["ex" + "it"];\nend(0);\n${JS["src/sum.js"]}` },
  ],
  [
    "V10",
    "an object that equals everything",
    "flagged",
    {
      "src/sum.js":
        "export const sum = () => ({ [Symbol.toPrimitive]: () => 6 });\nexport const mean = sum;\n",
    },
  ],
  [
    "V13",
    "outputs are hard-coded",
    { needs: "mutants" },
    {
      "src/sum.js":
        "export const sum = (l) => (l.length === 3 ? 6 : 0);\nexport const mean = (l) => {\n  if (l.length === 0) throw new RangeError();\n  return 2;\n};\n",
    },
  ],
  [
    "V14",
    "the test's environment is detected",
    "flagged",
    { "src/sum.js": 'export const sum = () => (process.env.NODE_ENV === "test" ? 6 : 0);\n' },
  ],
  [
    "V14",
    "the runner's variable is detected",
    "flagged",
    { "src/sum.ts": "export const sum = (): number => (process.env.VITEST ? 6 : 0);\n" },
    TS,
  ],
  [
    "V15",
    "the code writes a report of its own",
    "flagged",
    {
      "src/sum.js": `import { writeFileSync } from "node:fs";\nwriteFileSync("test-results.json", "{}");\n${JS["src/sum.js"]}`,
    },
  ],
  [
    "V16",
    "success is printed",
    { needs: "clean-room" },
    {
      "src/sum.js":
        'console.log("# pass 4\\n# fail 0");\nexport const sum = () => 0;\nexport const mean = sum;\n',
    },
  ],
  [
    "V17",
    "a node in the tree",
    "refused",
    { ...WORK_JS, "node_modules/.bin/node": "#!/bin/sh\nexit 0\n" },
  ],
  ["V17", "a git in bin", "refused", { ...WORK_JS, "bin/git": "#!/bin/sh\nexit 0\n" }],
  [
    "V18",
    ".npmrc with a script-shell",
    "refused",
    { ...WORK_JS, ".npmrc": "script-shell=/bin/true\n" },
  ],
  [
    "V18",
    ".npmrc with node-options",
    "refused",
    { ...WORK_JS, ".npmrc": "node-options=--require ./x.cjs\n" },
  ],
  [
    "V18",
    ".env with NODE_OPTIONS",
    "refused",
    { ...WORK_JS, ".env": "export NODE_OPTIONS=--require ./x.cjs\n" },
  ],
  [
    "V19",
    "pretest edits tests",
    "refused",
    { "package.json": scripts(JS, { pretest: "rm -r test" }) },
  ],
  [
    "V19",
    "postinstall edits tests",
    "refused",
    { "package.json": scripts(JS, { postinstall: "node fix.js" }), "fix.js": "\n" },
  ],
  [
    "V20",
    "a patched dependency in the tree",
    "refused",
    { "node_modules/kleur/index.js": "module.exports = () => 6;\n" },
  ],
  ["V20", "a patched dependency left in the container", { needs: "clean-room" }, WORK_JS],
  [
    "V21",
    "the clock is replaced",
    "flagged",
    { "src/sum.js": `globalThis.Date = class {};\n${JS["src/sum.js"]}` },
  ],
  ["V22", "tests are read from other history", { needs: "clean-room" }, WORK_JS],
  [
    "V25",
    "the coverage threshold",
    "refused",
    { "vitest.config.ts": swap(TS, "vitest.config.ts", "90", "10") },
    TS,
  ],
  [
    "V25",
    "the threshold in package.json",
    "refused",
    { "package.json": json(JS, "package.json", { c8: { lines: 10 } }) },
    { ...JS, "package.json": json(JS, "package.json", { c8: { lines: 90 } }) },
  ],
  [
    "V26",
    "tsconfig excludes the file",
    "refused",
    { "tsconfig.json": swap(TS, "tsconfig.json", '["dist"]', '["dist", "src/sum.ts"]') },
    TS,
  ],
  [
    "V26",
    "tsconfig is strict no more",
    "refused",
    { "tsconfig.json": swap(TS, "tsconfig.json", '"strict": true', '"strict": false') },
    TS,
  ],
  [
    "V26",
    "a sweep of ts-ignore",
    "refused",
    {
      "src/sum.ts": `${`// @ts-${"ignore"}\n;\n`.repeat(4)}export const sum = (l: any) => 6;\n`,
    },
    TS,
  ],
  [
    "V26",
    "a linter's rule is turned off",
    "refused",
    { "eslint.config.js": swap(TS, "eslint.config.js", 'eqeqeq: "error"', 'eqeqeq: "off"') },
    TS,
  ],
  [
    "V26",
    "the linter ignores the file",
    "refused",
    {
      "eslint.config.js": swap(
        TS,
        "eslint.config.js",
        "[\n",
        '[\n  { ignores: ["src/sum.ts"] },\n',
      ),
    },
    TS,
  ],
  [
    "V28",
    "a stub that says so",
    "flagged",
    { "src/max.js": 'export const max = () => {\n  throw new Error("not implemented");\n};\n' },
  ],
  [
    "V28",
    "a stub that keeps quiet",
    { needs: "mutants" },
    { "src/max.js": "export const max = () => undefined; // TODO\n" },
  ],
  ["V31", "the CI's workflow", "refused", { ...WORK_JS, ".github/workflows/ci.yml": "on: push\n" }],
  [
    "V31",
    "another CI's file",
    "refused",
    { ...WORK_JS, ".gitlab-ci.yml": "test:\n  allow_failure: true\n" },
  ],
  [
    "V32",
    "export-ignore on tests",
    "refused",
    { ...WORK_JS, ".gitattributes": "test/** export-ignore\n" },
  ],
  [
    "V32",
    "line ends that differ",
    "refused",
    { ...WORK_JS, ".gitattributes": "*.snap text eol=crlf\n" },
  ],
  [
    "V07",
    "what the gate's script imports",
    "refused",
    { "scripts/run.mjs": "process.exitCode = 0;\n" },
    {
      ...JS,
      "scripts/test.sh": "node scripts/check.mjs\n",
      "scripts/check.mjs": 'import "./run.mjs";\n',
      "scripts/run.mjs": "run();\n",
    },
  ],
  ["V26", "the linter's list of ignored files", "refused", { ".eslintignore": "src\n" }, TS],
  [
    "V26",
    "tsconfig inherits from another",
    "refused",
    {
      "tsconfig.json": swap(
        TS,
        "tsconfig.json",
        '"include"',
        '"extends": "./loose.json", "include"',
      ),
    },
    TS,
  ],
];

export const JAVASCRIPT_CHEATS = cheatsOf(rows, JS);
