import { expect, test } from "vitest";
import { isGitName, LIMITS, type TreeKind, treeProblems } from "./hostile.ts";
import type { SizedEntry } from "./objects.ts";

const file = (path: string, more: Partial<SizedEntry> = {}): SizedEntry => ({
  mode: "100644",
  object: "a",
  size: 1,
  path,
  ...more,
});

const check = (
  kind: TreeKind,
  entries: SizedEntry[],
  before: SizedEntry[] = [],
  links: Record<string, string | Uint8Array> = {},
) => {
  const targets = Object.entries(links).map(
    ([object, to]) => [object, typeof to === "string" ? Buffer.from(to) : to] as const,
  );
  return treeProblems({ kind, entries, before, targets: new Map(targets) });
};

const link = (path: string) => file(path, { mode: "120000", object: "l" });

test.each([
  ".git",
  ".GIT",
  ".Git",
  ".git.",
  ".git  ",
  ".git. .",
  "git~1",
  "GIT~1",
  ".g\u200cit",
  ".git::$INDEX_ALLOCATION",
  "\ufeff.git",
])("some file system takes %j for .git", (name) => {
  expect(isGitName(name)).toBe(true);
  for (const path of [name, `a/${name}/config`, `a\\${name}`])
    expect(check("base", [file(path)]), path).toHaveLength(1);
});

test.each([".gitignore", ".github", "git", "x.git", ".gitmodules", "git~2", "...git"])(
  "%j is an ordinary name",
  (name) => {
    expect(check("change", [file(name)])).toEqual([]);
  },
);

test.each([
  ["../a", "path component"],
  ["a/./b", "path component"],
  ["/a", "empty"],
  ["a//b", "empty"],
  ["a\uFFFDb", "UTF-8"],
  ["x".repeat(256), "255 bytes"],
  [`${"abc/".repeat(1100)}x`, "4096 bytes"],
])("%j is refused even in a base", (path, reason) => {
  const problems = check("base", [file(path)]);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(reason);
});

test.each(["a\nb", "a\u001b[2Jb", "a\u202eb", "a\\b", "a\u0085"])(
  "%j is tolerated in a base and refused in a change",
  (path) => {
    expect(check("base", [file(path)])).toEqual([]);
    expect(check("change", [file(path)])).toHaveLength(1);
  },
);

test("a problem names its path without control characters", () => {
  expect(check("change", [file("a\u001b[2J\nb")])[0]).toMatch(/^[\x20-\x7e…]+$/);
});

test.each([
  ["up", "../a", true],
  ["d/up", "../a", false],
  ["d/e/up", "../../a/b", false],
  ["d/up", "../../a", true],
  ["x", "/etc/passwd", true],
  ["x", "C:\\windows", true],
  ["x", "d/../../a", true],
  ["x", "d/../a", true],
  ["x", ".git/config", true],
  ["x", "./a", false],
  ["x", "a/b", false],
  ["x", "", true],
  ["x", "a\nb", true],
])("a changed link %j -> %j is refused: %j", (path, target, refused) => {
  expect(check("change", [link(path)], [], { l: target }).length > 0).toBe(refused);
  expect(check("base", [link(path)], [], { l: target })).toEqual([]);
});

test("a link whose target is not UTF-8 is refused in a base too, since a tar could not carry it", () => {
  expect(check("base", [link("x")], [], { l: Uint8Array.of(0xff, 0xfe) })[0]).toContain("UTF-8");
});

test("a nested repository is a submodule in a base and refused in a change, unless it was there", () => {
  const module = file("sub", { mode: "160000" });
  expect(check("base", [module])).toEqual([]);
  expect(check("change", [module])).toHaveLength(1);
  expect(check("change", [module], [module])).toEqual([]);
});

test("only what a change touched is judged, and content, mode and name count as touching", () => {
  const odd = file("a\\b");
  expect(check("change", [odd, file("new")], [odd])).toEqual([]);
  expect(check("change", [{ ...odd, object: "b" }], [odd])).toHaveLength(1);
  expect(check("change", [{ ...odd, mode: "100755" }], [odd])).toHaveLength(1);
});

test.each([
  [["README.md", "readme.md"]],
  [["src/a.ts", "Src/b.ts"]],
  [["src", "SRC/a"]],
  [["caf\u00e9.txt", "cafe\u0301.txt"]],
])("%j would fall together on another machine", ([first = "", second = ""]) => {
  const [old, added] = [file(first), file(second)];
  expect(check("change", [old, added], [old])).toHaveLength(1);
  expect(check("change", [old, added])).not.toEqual([]);
  expect(check("change", [old, added, file("c")], [old, added])).toEqual([]);
  expect(check("base", [old, added])).toEqual([]);
});

test("renaming a file in case only is no collision", () => {
  expect(check("change", [file("Readme.md")], [file("README.md")])).toEqual([]);
});

test("too many files, too many bytes and one file too big are each said", () => {
  const many = Array.from({ length: LIMITS.change.files + 1 }, (_, index) => file(`f${index}`));
  expect(check("change", many)).toEqual([expect.stringContaining("20001 files")]);
  expect(check("base", many)).toEqual([]);
  const big = file("big", { size: LIMITS.change.fileBytes + 1 });
  expect(check("change", [big])).toEqual([expect.stringContaining('"big" is')]);
  const parts = [1, 2, 3].map((part) => file(`p${part}`, { size: LIMITS.change.fileBytes }));
  expect(check("change", parts)).toEqual([expect.stringContaining("bytes of files")]);
});

test("all problems are told at once, up to fifty", () => {
  expect(check("change", [file("a\nb"), file(".git"), file("ok")])).toHaveLength(2);
  const many = Array.from({ length: 80 }, (_, index) => file(`\n${index}`));
  expect(check("change", many)).toHaveLength(50);
});
