import { join } from "node:path";
import { openFactoryRepo } from "@headrace/repo";
import { expect, test } from "vitest";
import { commitFlat, type Files } from "../support/flat-trees.ts";
import { commitFiles, packFrom, tempDir, tempRepo } from "../support/git.ts";

const at = new Date(0);
const LIST = Array.from({ length: 30 }, (_, i) => (i % 3 === 2 ? "}\n" : `line ${i}\n`));
const listWith = (changes: Record<number, string>) =>
  LIST.map((line, i) => changes[i] ?? line).join("");

/** A base, what stood before, a change, both made on the base, and landings of any tree a test thinks of. */
const landing = async (before: Files, change: Files) => {
  const closing = new AsyncDisposableStack();
  const source = closing.use(await tempRepo());
  const dir = join(closing.use(await tempDir()).path, "code.git");
  const start = { "list.txt": LIST.join(""), "other.txt": "other\n" };
  const base = await commitFiles(source.path, start);
  const repo = closing.use(await openFactoryRepo({ dir }));
  await repo.putPack(packFrom(source.path, base), base, { boundary: true });
  const made = (files: Files) => commitFlat(dir, base, { ...start, ...files });
  const [ours, theirs] = [made(before), made(change)];
  return {
    repo,
    merged: async () => (await repo.merge(ours, theirs)).tree,
    treeWith: async (files: Files) => repo.treeOf(made(files)),
    unproven: async (tree: string, except: readonly string[] = []) => {
      const spec = { tree, parents: [ours, theirs], message: "landing", at };
      const landed = await repo.commit(spec);
      return repo.unproven({ before: ours, change: theirs, landed, except });
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
};

test("a landing that holds its change and what stood before is proven, new and deleted files too", async () => {
  await using s = await landing(
    { "list.txt": listWith({ 3: "before\n" }), "new-before.txt": "n\n" },
    { "list.txt": listWith({ 20: "change\n" }), "new-change.txt": "n\n" },
  );
  expect(await s.unproven(await s.merged())).toEqual([]);
});

test("it is proven where both made the same edit, and where text repeats itself", async () => {
  const same = { 5: "}\n}\n}\n", 8: "both\n" };
  await using s = await landing(
    { "list.txt": listWith({ ...same, 14: "}\n}\n" }) },
    { "list.txt": listWith({ ...same, 23: "}\n}\n" }) },
  );
  expect(await s.unproven(await s.merged())).toEqual([]);
});

test("a landing names the file in which its change, or what stood before, is missing", async () => {
  const before = { "list.txt": listWith({ 3: "before\n" }), "other.txt": "before\n" };
  const change = { "list.txt": listWith({ 20: "change\n" }), "new.txt": "new\n" };
  await using s = await landing(before, change);
  const whole = { ...before, ...change, "list.txt": listWith({ 3: "before\n", 20: "change\n" }) };
  const without = async (files: Files) => s.unproven(await s.treeWith({ ...whole, ...files }));
  expect(await without({})).toEqual([]);
  expect(await without({ "list.txt": change["list.txt"] ?? "" })).toEqual(["list.txt"]);
  expect(await without({ "list.txt": before["list.txt"] ?? "" })).toEqual(["list.txt"]);
  expect(await without({ "other.txt": "other\n" })).toEqual(["other.txt"]);
  expect(await without({ "new.txt": "newer\n" })).toEqual(["new.txt"]);
});

test("of a resolution the conflicted files are the merger's; every other file is proven", async () => {
  const before = { "list.txt": listWith({ 3: "before\n" }) };
  const change = { "list.txt": listWith({ 3: "change\n" }), "new.txt": "new\n" };
  await using s = await landing(before, change);
  const resolved = { ...change, "list.txt": listWith({ 3: "both\n" }) };
  expect(await s.unproven(await s.treeWith(resolved), ["list.txt"])).toEqual([]);
  const lacking = { "list.txt": listWith({ 3: "both\n" }) };
  expect(await s.unproven(await s.treeWith(lacking), ["list.txt"])).toEqual(["new.txt"]);
});
