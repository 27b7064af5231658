import { Gate } from "@headrace/domain";

/** A tree as paths and texts; in a change, null takes a file away. */
export type Tree = Readonly<Record<string, string>>;
export type Edit = Readonly<Record<string, string | null>>;

/** What must come of a cheat: the attempt goes back, or a reviewer is told. */
type Expected = "refused" | "flagged";

export type Cheat = {
  id: string;
  title: string;
  base: Tree;
  /** the honest-looking change with the cheat in it */
  edit: Edit;
  /** what the change makes symbolic links, and to where */
  links?: Tree;
  expected: Expected;
};

export type Honest = {
  title: string;
  base: Tree;
  edit: Edit;
  permits: readonly string[];
};

const GATES = { javascript: "npm test", python: "python3 -m pytest -q" } as const;

/** The gates a repository of the corpus has, by what is in it. */
export const gatesOf = (base: Tree): Gate[] => {
  const run = base["package.json"] === undefined ? GATES.python : GATES.javascript;
  const made = base.Makefile === undefined ? run : "make test";
  return [Gate.parse({ name: "test", run: base["scripts/test.sh"] ? "./scripts/test.sh" : made })];
};

/** A small library in JavaScript, tested by node:test through a package script. */
export const JS: Tree = {
  "package.json": `${JSON.stringify(
    {
      name: "sums",
      type: "module",
      scripts: { test: "node --test", start: "node src/main.js" },
      dependencies: { kleur: "4.1.5" },
    },
    null,
    2,
  )}\n`,
  "package-lock.json": '{ "name": "sums", "lockfileVersion": 3 }\n',
  "src/sum.js":
    'export const sum = (list) => {\n  let total = 0;\n  for (const item of list) total += item;\n  return total;\n};\n\nexport const mean = (list) => {\n  if (list.length === 0) throw new RangeError("empty");\n  return sum(list) / list.length;\n};\n',
  "src/main.js":
    'import { sum } from "./sum.js";\n\nconsole.log(sum(process.argv.slice(2).map(Number)));\n',
  "test/sum.test.js":
    'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { sum } from "../src/sum.js";\n\ntest("adds numbers", () => {\n  assert.equal(sum([1, 2, 3]), 6);\n});\n\ntest("of nothing is 0", () => {\n  assert.equal(sum([]), 0);\n});\n',
  "test/mean.test.js":
    'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { mean } from "../src/sum.js";\n\ntest("is in the middle", () => {\n  assert.equal(mean([1, 3]), 2);\n});\n\ntest("of nothing is refused", () => {\n  assert.throws(() => mean([]), RangeError);\n});\n',
  "README.md": "# sums\n\nAdds numbers.\n",
  ".gitignore": "node_modules\n",
};

/** The same with vitest, types, a linter and snapshots. */
export const TS: Tree = {
  "package.json": `${JSON.stringify(
    {
      name: "sums",
      type: "module",
      scripts: { test: "npm run types && vitest run --coverage", types: "tsc", lint: "eslint ." },
      devDependencies: { vitest: "5.1.1", typescript: "7.0.2" },
    },
    null,
    2,
  )}\n`,
  "vitest.config.ts":
    'import { defineConfig } from "vitest/config";\n\nexport default defineConfig({\n  test: {\n    include: ["test/**/*.test.ts"],\n    setupFiles: ["./test/support/setup.ts"],\n    coverage: { thresholds: { lines: 90 } },\n  },\n});\n',
  "tsconfig.json":
    '{\n  // strict from the start\n  "compilerOptions": { "strict": true, "noUnusedLocals": true, "noEmit": true },\n  "include": ["src", "test"],\n  "exclude": ["dist"],\n}\n',
  "eslint.config.js":
    'export default [\n  { rules: { eqeqeq: "error", "no-console": "error" } },\n];\n',
  "src/sum.ts":
    "export const sum = (list: readonly number[]): number =>\n  list.reduce((total, item) => total + item, 0);\n",
  "src/render.ts":
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
    'import { sum } from "./sum.ts";\n\nexport const render = (list: readonly number[]): string =>\n  `${list.join(" + ")} = ${sum(list)}`;\n',
  "test/sum.test.ts":
    'import { describe, expect, it } from "vitest";\nimport { sum } from "../src/sum.ts";\n\ndescribe("sum", () => {\n  it("adds numbers", () => {\n    expect(sum([1, 2, 3])).toBe(6);\n  });\n\n  it("of nothing is 0", () => {\n    expect(sum([])).toBe(0);\n  });\n});\n',
  "test/render.test.ts":
    'import { expect, it } from "vitest";\nimport { render } from "../src/render.ts";\n\nit("shows the whole sum", () => {\n  expect(render([1, 2])).toMatchSnapshot();\n});\n',
  "test/__snapshots__/render.test.ts.snap":
    '// Vitest Snapshot v1\n\nexports[`shows the whole sum 1`] = `"1 + 2 = 3"`;\n',
  "test/support/setup.ts": 'process.env.TZ = "UTC";\n',
  "README.md": "# sums\n",
};

/** The same in Python, tested by pytest. */
export const PY: Tree = {
  "pyproject.toml":
    '[project]\nname = "sums"\nversion = "1.0.0"\ndependencies = ["click==8.1.7"]\n\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\n\n[tool.coverage.report]\nfail_under = 90\n\n[tool.ruff.lint]\nselect = ["E", "F", "B"]\n\n[tool.mypy]\nstrict = true\n',
  "sums/__init__.py": "",
  "sums/core.py":
    "def total(items):\n    result = 0\n    for item in items:\n        result += item\n    return result\n\n\ndef mean(items):\n    if not items:\n        raise ValueError('empty')\n    return total(items) / len(items)\n",
  "tests/test_total.py":
    "from sums.core import total\n\n\ndef test_adds_numbers():\n    assert total([1, 2, 3]) == 6\n\n\ndef test_of_nothing_is_0():\n    assert total([]) == 0\n",
  "tests/test_mean.py":
    "import pytest\n\nfrom sums.core import mean\n\n\ndef test_is_in_the_middle():\n    assert mean([1, 3]) == 2\n\n\ndef test_of_nothing_is_refused():\n    with pytest.raises(ValueError):\n        mean([])\n",
  "README.md": "# sums\n",
};

/** A file of a tree with one text in place of another; a builder that changes nothing is a mistake. */
export const swap = (tree: Tree, path: string, from: string, to: string): string => {
  const text = tree[path] ?? "";
  if (!text.includes(from)) throw new Error(`${path} does not hold ${from}`);
  return text.replace(from, to);
};

/** The same, of a JSON file's fields. */
export const json = (tree: Tree, path: string, change: object): string =>
  `${JSON.stringify({ ...JSON.parse(tree[path] ?? "{}"), ...change }, null, 2)}\n`;

/** A package.json with other scripts. */
export const scripts = (base: Tree, change: object): string =>
  json(base, "package.json", {
    scripts: { ...JSON.parse(base["package.json"] ?? "{}").scripts, ...change },
  });

/** The product change that a cheat hides behind. */
export const WORK_JS: Edit = {
  "src/max.js": "export const max = (list) => list.reduce((a, b) => (a > b ? a : b));\n",
};
export const WORK_PY: Edit = { "sums/extra.py": "def largest(items):\n    return max(items)\n" };

/** A cheat as a line of a table; the base is its language's, where none is given. */
export type CheatRow = [id: string, title: string, expected: Expected, edit: Edit, base?: Tree];

export const cheatsOf = (rows: readonly CheatRow[], usual: Tree): Cheat[] =>
  rows.map(([id, title, expected, edit, base = usual]) => ({ id, title, expected, edit, base }));

export type HonestRow = [title: string, edit: Edit, base?: Tree, permits?: readonly string[]];

export const honestOf = (rows: readonly HonestRow[], usual: Tree): Honest[] =>
  rows.map(([title, edit, base = usual, permits = []]) => ({ title, edit, base, permits }));
