import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { extract } from "tar-stream";
import { expect, test } from "vitest";
import { openFactoryRepo } from "../../packages/repo/src/index.ts";
import { commitFiles, type FileChange, packFrom, tempDir, tempRepo } from "../support/git.ts";

const at = new Date("2026-01-02T03:04:05Z");

type Files = Readonly<Record<string, FileChange>>;

/** A factory repository that holds a base with a change of it, and how to read its trees. */
const repoWith = async (files: Files, changes: Files = {}) => {
  await using closing = new AsyncDisposableStack();
  const source = closing.use(await tempRepo());
  const data = closing.use(await tempDir());
  const base = await commitFiles(source.path, files);
  const change = await commitFiles(source.path, changes);
  const repo = closing.use(await openFactoryRepo({ dir: join(data.path, "code.git") }));
  await repo.putPack(packFrom(source.path, change), change);
  const kept = closing.move();
  return {
    ...{ repo, base, change },
    /** The files of a tree, by path. */
    async read(tree: string) {
      const commit = await repo.commit({ tree, parents: [], message: "altered", at });
      const entries: Record<string, { mode: number; text: string }> = {};
      const reader = extract();
      reader.end(await repo.tar(commit, { uid: 7 }));
      for await (const entry of reader)
        entries[entry.header.name] = {
          mode: entry.header.mode ?? 0,
          text: (await buffer(entry)).toString("utf8"),
        };
      return entries;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
};

test("a tree is altered by files that hold other bytes, or by a diff, and nothing else of it changes", async () => {
  await using s = await repoWith({
    "a.txt": "hello\n",
    "bin/run": { run: "#!/bin/sh\n" },
    "deep/in/b.txt": "two\n",
  });
  const bytes = new TextEncoder().encode("broken");
  const files = new Map([
    ["bin/run", bytes],
    ["deep/in/b.txt", bytes],
  ]);
  const altered = await s.repo.alter(s.base, { files });
  if (altered.outcome !== "altered") throw new Error(altered.reason);
  expect(await s.read(altered.tree)).toMatchObject({
    "a.txt": { text: "hello\n" },
    "bin/run": { text: "broken", mode: 0o755 },
    "deep/in/b.txt": { text: "broken", mode: 0o644 },
  });
  const diff = (line: string) =>
    `--- a/deep/in/b.txt\n+++ b/deep/in/b.txt\n@@ -1 +1 @@\n-${line}\n+three\n`;
  const patched = await s.repo.alter(s.base, { patch: diff("two") });
  if (patched.outcome !== "altered") throw new Error(patched.reason);
  expect((await s.read(patched.tree))["deep/in/b.txt"]?.text).toBe("three\n");
  expect(await s.repo.alter(s.base, { patch: diff("one") })).toEqual({
    outcome: "unfit",
    reason: expect.stringMatching(/deep\/in\/b\.txt: patch does not apply/),
  });
  expect(await s.repo.alter(s.base, { patch: "nothing like a diff" })).toMatchObject({
    outcome: "unfit",
  });
  await expect(s.repo.alter(s.base, { files: new Map([["none", bytes]]) })).rejects.toThrow();
  expect(await s.repo.treeOf(s.base)).not.toBe(altered.tree);
});

test("a tree is altered by what another commit has at some paths, be it nothing, a mode or a folder", async () => {
  await using s = await repoWith(
    { "test/a.sh": { run: "#!/bin/sh\n" }, "test/b": "a file\n", "src/a.txt": "one\n" },
    {
      "test/a.sh": "weakened\n",
      "test/b": null,
      "test/b/c.txt": "a folder\n",
      "test/new.sh": "new\n",
      "src/a.txt": "two\n",
    },
  );
  const altered = async (commit: string, from: string) => {
    const paths = ["test/new.sh", "test/a.sh", "test/b", "test/b/c.txt"];
    const answer = await s.repo.alter(commit, { from, paths });
    if (answer.outcome !== "altered") throw new Error(answer.reason);
    return s.read(answer.tree);
  };
  const restored = await altered(s.change, s.base);
  expect(restored).toMatchObject({
    "test/a.sh": { text: "#!/bin/sh\n", mode: 0o755 },
    "test/b": { text: "a file\n" },
    "src/a.txt": { text: "two\n" },
  });
  expect(Object.keys(restored)).not.toContain("test/new.sh");
  expect(await altered(s.base, s.change)).toMatchObject({
    "test/a.sh": { text: "weakened\n" },
    "test/b/c.txt": { text: "a folder\n" },
    "test/new.sh": { text: "new\n" },
    "src/a.txt": { text: "one\n" },
  });
});
