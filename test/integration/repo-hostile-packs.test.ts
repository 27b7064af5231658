import { join } from "node:path";
import { HostileTreeError } from "@headrace/domain";
import { expect, test } from "vitest";
import { openFactoryRepo } from "../../packages/repo/src/index.ts";
import { tempDir, tempRepo } from "../support/git.ts";
import { deltaBomb, objectsIn } from "../support/raw-objects.ts";

/** Objects made by hand, and a factory repository to put them in. */
const bench = async () => {
  const maker = await tempRepo();
  const data = await tempDir();
  const dir = join(data.path, "factory.git");
  return {
    maker: maker.path,
    factory: await openFactoryRepo({ dir }),
    ...objectsIn(maker.path),
    [Symbol.asyncDispose]: async () => {
      await maker[Symbol.asyncDispose]();
      await data[Symbol.asyncDispose]();
    },
  };
};
type Bench = Awaited<ReturnType<typeof bench>>;

const inBoth: Array<[what: string, tree: (b: Bench) => string]> = [
  [".git", (b) => b.tree(["100644", ".git", b.blob("gitdir: /")])],
  [".GIT/config", (b) => b.tree(["40000", ".GIT", b.tree(["100644", "config", b.blob("x")])])],
  ["GIT~1", (b) => b.tree(["100644", "GIT~1", b.blob("x")])],
  [".g<zwnj>it", (b) => b.tree(["100644", ".g\u200cit", b.blob("x")])],
  ["..", (b) => b.tree(["40000", "..", b.tree(["100644", "x", b.blob("x")])])],
  [".", (b) => b.tree(["40000", ".", b.tree(["100644", "x", b.blob("x")])])],
  ["a name with a slash", (b) => b.tree(["100644", "a/b", b.blob("x")])],
  ["/etc/passwd", (b) => b.tree(["100644", "/etc/passwd", b.blob("x")])],
  ["an empty name", (b) => b.tree(["100644", "", b.blob("x")])],
  [
    "the same name twice",
    (b) => b.tree(["100644", "a", b.blob("x")], ["100644", "a", b.blob("y")]),
  ],
  [
    "a file and a folder of one name",
    (b) =>
      b.tree(["100644", "a", b.blob("x")], ["40000", "a", b.tree(["100644", "x", b.blob("x")])]),
  ],
  [
    "entries out of order",
    (b) => b.tree(["100644", "b", b.blob("x")], ["100644", "a", b.blob("y")]),
  ],
  ["an entry of zeros", (b) => b.tree(["100644", "a", "0".repeat(40)])],
  [".gitmodules as a link", (b) => b.tree(["120000", ".gitmodules", b.blob("/etc/passwd")])],
  [
    "a submodule url that is an option",
    (b) =>
      b.tree(["100644", ".gitmodules", b.blob('[submodule "x"]\n\tpath = x\n\turl = -u./evil\n')]),
  ],
  [
    "a submodule path that is an option",
    (b) => b.tree(["100644", ".gitmodules", b.blob('[submodule "x"]\n\tpath = -x\n\turl = ./a\n')]),
  ],
  ["a name that is not UTF-8", (b) => b.tree(["100644", Uint8Array.of(0x61, 0xff), b.blob("x")])],
];

const inChanges: typeof inBoth = [
  ["a gitlink", (b) => b.tree(["160000", "sub", "1".repeat(40)])],
  ["a link to /etc/passwd", (b) => b.tree(["120000", "x", b.blob("/etc/passwd")])],
  ["a link out of the tree", (b) => b.tree(["120000", "x", b.blob("../x")])],
  ["a newline in a name", (b) => b.tree(["100644", "a\nb", b.blob("x")])],
  ["a case collision", (b) => b.tree(["100644", "A", b.blob("x")], ["100644", "a", b.blob("y")])],
];

for (const [what, make] of inBoth)
  test(`${what} enters neither as a base nor as a change`, async () => {
    await using b = await bench();
    const commit = b.commit(make(b));
    for (const boundary of [true, false]) {
      const put = b.factory.putPack(b.pack(), commit, { boundary });
      await expect(put).rejects.toBeInstanceOf(HostileTreeError);
    }
    expect(await b.factory.has(commit)).toBe(false);
  });

for (const [what, make] of inChanges)
  test(`${what} is the user's own business in a base and refused in a change`, async () => {
    await using b = await bench();
    const start = b.commit(b.tree(["100644", "start", b.blob("x")]));
    await b.factory.putPack(b.pack(), start, { boundary: true });
    const tree = make(b);
    const change = b.commit(tree, { parents: [start] });
    await expect(b.factory.putPack(b.pack(), change)).rejects.toBeInstanceOf(HostileTreeError);
    const base = b.commit(tree, { parents: ["2".repeat(40)] });
    await b.factory.putPack(b.pack(new Set([change])), base, { boundary: true });
    const next = b.commit(tree, { parents: [base] });
    await b.factory.putPack(b.pack(new Set([change])), next);
    expect((await b.factory.tar(base, { uid: 1 })).length).toBeGreaterThan(0);
  });

test("a hostile commit does not come in beside a harmless one", async () => {
  await using b = await bench();
  const start = b.commit(b.tree(["100644", "start", b.blob("x")]));
  await b.factory.putPack(b.pack(), start, { boundary: true });
  const hostile = b.commit(b.tree(["120000", "x", b.blob("/etc/passwd")]), { parents: [start] });
  const harmless = b.commit(b.tree(["100644", "y", b.blob("y")]), { parents: [start] });
  await expect(b.factory.putPack(b.pack(), harmless)).rejects.toThrow("absolute path");
  expect(await b.factory.has(hostile)).toBe(false);
  await b.factory.putPack(b.pack(new Set([hostile])), harmless);
  expect(await b.factory.has(harmless)).toBe(true);
});

test("a hostile tree does not pass by being its own parent's tree", async () => {
  await using b = await bench();
  const start = b.commit(b.tree(["100644", "start", b.blob("x")]));
  await b.factory.putPack(b.pack(), start, { boundary: true });
  const tree = b.tree(["120000", "x", b.blob("/etc/passwd")]);
  const first = b.commit(tree, { parents: [start] });
  const second = b.commit(tree, { parents: [first] });
  await expect(b.factory.putPack(b.pack(), second)).rejects.toThrow("absolute path");
});

const legacy: Array<[what: string, commit: (b: Bench) => string]> = [
  [
    "a padded folder mode",
    (b) => b.commit(b.tree(["040000", "d", b.tree(["100644", "x", b.blob("x")])])),
  ],
  ["a group-writable file", (b) => b.commit(b.tree(["100664", "x", b.blob("x")]))],
  [
    "no space before the date",
    (b) => b.commit(b.tree(["100644", "x", b.blob("x")]), { author: "Ada <a@b>1700000000 +0000" }),
  ],
  [
    "a zone of six digits",
    (b) =>
      b.commit(b.tree(["100644", "x", b.blob("x")]), { author: "Ada <a@b> 1700000000 +051800" }),
  ],
  [
    "no email",
    (b) => b.commit(b.tree(["100644", "x", b.blob("x")]), { author: "Ada 1700000000 +0000" }),
  ],
  [
    "a padded date",
    (b) =>
      b.commit(b.tree(["100644", "x", b.blob("x")]), { author: "Ada <a@b> 01700000000 +0000" }),
  ],
  [
    "no name",
    (b) => b.commit(b.tree(["100644", "x", b.blob("x")]), { author: "<a@b> 1700000000 +0000" }),
  ],
];

for (const [what, make] of legacy)
  test(`a base with ${what}, as old tools wrote it, is taken and can be built on`, async () => {
    await using b = await bench();
    const base = make(b);
    await b.factory.putPack(b.pack(), base, { boundary: true });
    const [entry] = await b.factory.list(base);
    expect(entry?.mode).toBe("100644");
    const tree = await b.factory.treeOf(base);
    const at = new Date(0);
    const next = await b.factory.commit({ tree, parents: [base], message: "next", at });
    expect((await b.factory.getPack(next, [])).length).toBeGreaterThan(0);
  });

test("a small pack with a huge file is refused", async () => {
  await using b = await bench();
  const start = b.commit(b.tree(["100644", "start", b.blob("x")]));
  await b.factory.putPack(b.pack(), start, { boundary: true });
  const zeros = b.blob(Buffer.alloc(120 * 1024 * 1024));
  const bomb = b.commit(b.tree(["100644", "zeros", zeros]), { parents: [start] });
  const pack = b.pack();
  expect(pack.length).toBeLessThan(1024 * 1024);
  await expect(b.factory.putPack(pack, bomb)).rejects.toThrow('"zeros" is 125829120 bytes');
});

test("a few trees that describe millions of paths are refused", async () => {
  await using b = await bench();
  let tree = b.tree(["100644", "leaf", b.blob("x")]);
  for (let level = 0; level < 24; level += 1)
    tree = b.tree(["40000", "a", tree], ["40000", "b", tree]);
  const bomb = b.commit(tree);
  await expect(b.factory.putPack(b.pack(), bomb, { boundary: true })).rejects.toThrow(
    "too many or too deep paths",
  );
});

test("a delta that describes eight gigabytes is refused without unfolding it", async () => {
  await using b = await bench();
  const pack = deltaBomb(8 * 1024 ** 3);
  expect(pack.length).toBeLessThan(64 * 1024);
  await expect(b.factory.putPack(pack, "1".repeat(40))).rejects.toThrow("over limit");
});

test("a submodule of a base becomes an empty folder of the tar", async () => {
  await using b = await bench();
  const base = b.commit(b.tree(["100644", "a", b.blob("x")], ["160000", "sub", "1".repeat(40)]));
  await b.factory.putPack(b.pack(), base, { boundary: true });
  const tar = await b.factory.tar(base, { uid: 1 });
  expect(Buffer.from(tar).includes("sub/")).toBe(true);
});
