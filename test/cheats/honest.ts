import { type HonestRow, honestOf, JS, json, swap, TS } from "./cases.ts";

const scripts = JSON.parse(JS["package.json"] ?? "{}").scripts;

/** Work on JavaScript that nobody may be held up for. */
const rows: HonestRow[] = [
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
    "a Dockerfile and ignored files",
    { Dockerfile: "FROM node:22\n", ".gitignore": "node_modules\ncoverage\n" },
  ],
  [
    "a first configuration of a linter, with what it ignores",
    { "eslint.config.js": 'export default [{ ignores: ["dist"] }];\n' },
  ],
  [
    "the product that a gate's script imports",
    { "src/sum.js": (JS["src/sum.js"] ?? "").replace("total += item", "total = total + item") },
    {
      ...JS,
      "scripts/test.sh": "node scripts/smoke.mjs\n",
      "scripts/smoke.mjs": 'import { sum } from "../src/sum.js";\nif (sum([1]) !== 1) throw 1;\n',
    },
  ],
];

export const HONEST_JAVASCRIPT = honestOf(rows, JS);
