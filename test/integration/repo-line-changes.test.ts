import { expect, test } from "vitest";
import { openFactoryRepo } from "../../packages/repo/src/index.ts";
import { commitFiles, packFrom, tempDir, tempRepo } from "../support/git.ts";

type Files = Parameters<typeof commitFiles>[1];

/** What changes from one tree to another, with `\0` between a file and its line shown as `|`. */
const changesOf = async (before: Files, after: Files) => {
  await using source = await tempRepo();
  const from = await commitFiles(source.path, { keep: "kept\n", ...before });
  const to = await commitFiles(source.path, after);
  await using data = await tempDir();
  await using repo = await openFactoryRepo({ dir: `${data.path}/code.git` });
  await repo.putPack(packFrom(source.path, from), from, { boundary: true });
  await repo.putPack(packFrom(source.path, to, `^${from}`), to);
  const { added, removed } = await repo.lineChanges(from, to);
  const shown = (lines: readonly string[]) => lines.map((line) => line.replace("\0", "|"));
  return { added: shown(added), removed: shown(removed) };
};
const file = (name: string) => `a/${name} b/${name}`;

test("added and removed lines are told with their file, as often as they occur", async () => {
  const { added, removed } = await changesOf({ "a.txt": "1\n2\n3\n" }, { "a.txt": "1\nx\nx\n3\n" });
  expect(added).toEqual([`${file("a.txt")}|x`, `${file("a.txt")}|x`]);
  expect(removed).toEqual([`${file("a.txt")}|2`]);
});

test("a file that moves is taken away in one place and added in another", async () => {
  const { added, removed } = await changesOf({ "a.txt": "1\n" }, { "a.txt": null, "b.txt": "1\n" });
  expect(added).toEqual([`${file("b.txt")}|1`]);
  expect(removed).toEqual([`${file("a.txt")}|1`]);
});

test("what has no lines counts as one: binary and empty files, modes; a link is its target", async () => {
  const { added, removed } = await changesOf(
    { "gone.bin": "\0\x01", "run.sh": "#!/bin/sh\n", "old.bin": "\0\x01" },
    {
      ...{ "gone.bin": null, "old.bin": "\0\x02", "new.bin": "\0\x03", empty: "" },
      ...{ "run.sh": { run: "#!/bin/sh\n" }, link: { link: "keep" } },
    },
  );
  expect(added.toSorted()).toEqual(
    [
      `${file("empty")}|`,
      `${file("link")}|keep`,
      `${file("new.bin")}|`,
      `${file("old.bin")}|`,
      `${file("run.sh")}|`,
    ].toSorted(),
  );
  expect(removed).toEqual([`${file("gone.bin")}|`]);
});

test("no content is taken for the head of a diff, and no name for content", async () => {
  const hostile =
    "diff --git a/x b/x\n@@ -1,9 +1,9 @@\n+++ b/x\n--- a/x\n\\ No newline at end of file\r\n";
  const name = '"b" b/c @@ -1 +1 @@ é';
  const { added, removed } = await changesOf({ plain: "x\n" }, { [name]: hostile, plain: "- x" });
  expect(added).toHaveLength(6);
  expect(removed).toHaveLength(1);
  const lines = added.map((line) => line.slice(line.indexOf("|") + 1));
  expect(lines).toEqual([...hostile.split("\n").slice(0, 5), "- x"]);
});

test("what a repository says of how its files are compared changes nothing", async () => {
  const attributes = "*.txt binary\n*.md diff=wild\n";
  const files = { ".gitattributes": attributes, "a.txt": "1\n", "a.md": "1\n" };
  const { added } = await changesOf(files, { "a.txt": "2\n", "a.md": "2\n" });
  expect(added).toEqual([`${file("a.md")}|2`, `${file("a.txt")}|2`]);
});
