import type { TreeEntry } from "@headrace/domain";
import { expect, test } from "vitest";
import { changedFiles, freshTests, toRestore } from "./changed-tests.ts";

type Tree = Readonly<Record<string, string>>;

const entries = (tree: Tree): TreeEntry[] =>
  Object.entries(tree).map(([path, text]) => ({ mode: "100644", object: text, path }));

const BASE: Tree = {
  "src/sum.js": "sum",
  "test/sum.test.js": "sums",
  "test/mean.test.js": "means",
  "test/support/rig.js": "rig",
  "test/__snapshots__/sum.test.js.snap": "3",
  "docs/sum.md": "words",
};

const between = (edit: Readonly<Record<string, string | null>>) => {
  const changed = Object.entries({ ...BASE, ...edit });
  const after = changed.flatMap(([path, text]) => (text === null ? [] : [[path, text]]));
  return changedFiles(entries(BASE), entries(Object.fromEntries(after)));
};

test("a file that got another mode is changed, one with the same bytes and mode is not", () => {
  const [first, ...others] = entries(BASE);
  if (first === undefined) throw new Error("the base has files");
  const changed = changedFiles([first, ...others], [{ ...first, mode: "100755" }, ...others]);
  expect(changed.map(({ path }) => path)).toEqual([first.path]);
});

test.each([
  ["nothing where tests only came", { "test/new.test.js": "new", "src/sum.js": "other" }, []],
  [
    "changed and removed ones",
    { "test/sum.test.js": "x", "test/mean.test.js": null },
    ["test/mean.test.js", "test/sum.test.js"],
  ],
  ["what tests share", { "test/support/rig.js": "x" }, ["test/support/rig.js"]],
  [
    "with them new ones, which may need the changed",
    {
      "test/support/rig.js": "x",
      "test/new.test.js": "new",
      "fixtures/data.json": "{}",
    },
    ["test/support/rig.js", "test/new.test.js"],
  ],
  [
    "nothing where a test only moved",
    { "test/sum.test.js": null, "test/unit/sum.test.js": "sums" },
    [],
  ],
  [
    "a moved one neither here nor there beside another that changed",
    {
      "test/sum.test.js": null,
      "test/unit/sum.test.js": "sums",
      "test/mean.test.js": "x",
    },
    ["test/mean.test.js"],
  ],
  ["no outputs that were recorded anew", { "test/__snapshots__/sum.test.js.snap": "other" }, []],
  ["no product, no words", { "src/sum.js": "x", "docs/sum.md": null }, []],
])(
  "what the base's tests get back: %s",
  (_what, edit: Record<string, string | null>, paths: string[]) => {
    expect(toRestore(between(edit), [])).toEqual(paths);
  },
);

test("what a path: permit opens stays as the change has it", () => {
  const changed = between({ "test/sum.test.js": "x", "test/mean.test.js": "y" });
  expect(toRestore(changed, ["path:test/sum.*", "lockfile"])).toEqual(["test/mean.test.js"]);
  expect(toRestore(changed, ["path:test/**"])).toEqual([]);
});

test("the tests that a change brings are its new and its changed ones", () => {
  const changed = between({
    "test/sum.test.js": "x",
    "test/mean.test.js": null,
    "test/new.test.js": "new",
    "src/sum.js": "x",
  });
  expect(freshTests(changed)).toEqual(["test/new.test.js", "test/sum.test.js"]);
});
