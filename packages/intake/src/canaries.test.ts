import { expect, test } from "vitest";
import { withCanaries } from "./canaries.ts";
import { parseConfig } from "./config.ts";
import { messageOf, treeOf } from "./tree-fixture.ts";

const PATCH = "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-a\n+b\n";

const canaryOf = async (yaml: string, files: Record<string, string> = {}) => {
  const text = `gates:\n  - name: test\n    run: make test\n    canary: ${yaml}\n`;
  const { gates } = parseConfig({ file: "headrace.yaml", text });
  return (await withCanaries(treeOf(files), gates))?.[0]?.canary;
};

test("a canary is off, a patch of the commit, or a patch in the file itself", async () => {
  expect(await canaryOf("off")).toBe("off");
  expect(await canaryOf("test/bad.patch", { "test/bad.patch": PATCH })).toEqual({ patch: PATCH });
  const inline = PATCH.replaceAll(/^/gm, "      ");
  expect(await canaryOf(`|\n${inline}`)).toEqual({ patch: PATCH });
});

test("a gate without one has none of its own", async () => {
  const { gates } = parseConfig({
    file: "headrace.yaml",
    text: "gates: [{ name: test, run: make test }]",
  });
  expect(await withCanaries(treeOf({}), gates)).toEqual([
    { name: "test", run: "make test", timeoutS: 600 },
  ]);
});

test.each([
  [
    "on",
    /^headrace\.yaml:4: gates\[0\]\.canary: expected off, the path of a \.patch or \.diff file/,
  ],
  ["false", /^headrace\.yaml:4: gates\[0\]\.canary: expected off, /],
  [
    "|\n      some text\n      without hunks",
    /^headrace\.yaml:4: gates\[0\]\.canary: expected off/,
  ],
  ["none.patch", /^gate test: canary: there is no file none\.patch in this commit\n {2}Correct/],
  ["empty.patch", /^gate test: canary: empty\.patch is empty/],
  ["long.patch", /^gate test: canary: long\.patch is larger than 64 KiB/],
])("%j is refused with where it stands and what to do", async (yaml, message) => {
  const files = { "empty.patch": "", "long.patch": `${PATCH}+${"x".repeat(70_000)}` };
  expect(await messageOf(() => canaryOf(yaml, files))).toMatch(message);
});
