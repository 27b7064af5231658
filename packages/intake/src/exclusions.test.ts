import { Gate } from "@headrace/domain";
import { expect, test } from "vitest";
import { withExclusions } from "./exclusions.ts";
import { messageOf, treeOf } from "./tree-fixture.ts";

const excluding = async (run: string, exclude: string[], scripts: Record<string, string> = {}) => {
  const tree = treeOf({ "package.json": JSON.stringify({ scripts }) });
  const gate = { ...Gate.parse({ name: "test", run }), exclude };
  return (await withExclusions(tree, [gate]))?.[0]?.run;
};

test.each([
  ["npx vitest run", ["test/a.test.ts"], {}, "npx vitest run --exclude=test/a.test.ts"],
  ["npm test", ["a b"], { test: "vitest run" }, "npm test -- --exclude='a b'"],
  ["pnpm test", ["a"], { test: "cross-env CI=1 vitest" }, "pnpm test --exclude=a"],
  [
    "yarn run unit",
    ["src/a.test.js"],
    { unit: "jest" },
    "yarn run unit --testPathIgnorePatterns=/node_modules/ --testPathIgnorePatterns='src/a\\.test\\.js'",
  ],
  [
    ".venv/bin/python -m pytest",
    ["tests/test_a.py::test_b", "tests/slow"],
    {},
    ".venv/bin/python -m pytest --deselect=tests/test_a.py::test_b --ignore=tests/slow",
  ],
  [
    "npm test",
    ["now (and then)"],
    { test: "node --test" },
    "npm test -- --test-skip-pattern='now \\(and then\\)'",
  ],
  ["mocha", ["test/a.js"], {}, "mocha --ignore=test/a.js"],
  ["go test ./...", ["TestA", "TestB"], {}, "go test ./... -skip='^TestA$|^TestB$'"],
  ["pytest", ["$(touch x)"], {}, "pytest --ignore='$(touch x)'"],
])("%j leaves out %j with scripts %j by %j", async (run, tests, scripts, command) => {
  expect(await excluding(run, tests, scripts)).toBe(command);
});

test.each([
  ["make test", {}],
  ["npm test", { test: "tsc && vitest run" }],
  ["npm test", { test: "npm run unit", unit: "vitest" }],
  ["npm test", { test: "node --test test/*.js" }],
  ["npm run other", { test: "vitest" }],
  ["vitest run | tee log", {}],
])("%j with %j is refused: the flags could go astray", async (run, scripts) => {
  expect(await messageOf(() => excluding(run, ["a"], scripts))).toMatch(
    /^gate test: exclude: what runs the tests cannot be told from .*\n {2}Write the runner's own flag into `run`/,
  );
});

test("gates without exclusions stay as they are", async () => {
  const gates = [Gate.parse({ name: "test", run: "make test" })];
  expect(await withExclusions(treeOf({}), gates)).toEqual(gates);
});
