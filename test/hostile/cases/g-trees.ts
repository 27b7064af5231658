import { join } from "node:path";
import { openFactoryRepo } from "@headrace/repo";
import { expect } from "vitest";
import { tempDir, tempRepo } from "../../support/git.ts";
import { deltaBomb, objectsIn, type RawEntry, rawObject } from "../../support/raw-objects.ts";
import { type HostileCase, hostile, refusal, type Verdict } from "../case.ts";
import type { Stage } from "../stage.ts";

type Maker = ReturnType<typeof objectsIn> & { dir: string };

/** A commit with this parent, made by hand. */
type MakeCommit = (m: Maker, parent: string) => string;

/** A commit and all objects there are with it, made in a repository of its own. */
const packed = async (
  commit: (m: Maker) => string,
): Promise<{ commit: string; pack: Uint8Array }> => {
  await using repo = await tempRepo();
  const m = { ...objectsIn(repo.path), dir: repo.path };
  return { commit: commit(m), pack: m.pack() };
};

/** The commit on the stage's base, handed in as an agent's change. */
const handed = async (stage: Stage, make: MakeCommit): Promise<void> => {
  const base = await stage.base();
  const { pack, commit } = await packed((m) => make(m, base.commit));
  await (await stage.host()).takeIn(pack, commit, { data: base.data, base: base.commit });
};

const refused = (id: string, title: string, make: MakeCommit, words: RegExp = /./): HostileCase =>
  hostile({
    id,
    title,
    verdict: "refused",
    build: () => make,
    run: (commit, stage) => refusal(handed(stage, commit), words),
  });

const refusedTree = (id: string, title: string, tree: (m: Maker) => string, words?: RegExp) =>
  refused(id, title, (m, parent) => m.commit(tree(m), { parents: [parent] }), words);

const one = (mode: string, name: string, text: string) => (m: Maker) =>
  m.tree([mode, name, m.blob(text)]);
const folder = (name: string) => (m: Maker) =>
  m.tree(["40000", name, m.tree(["100644", "config", m.blob("x")])]);

const REFUSED: readonly HostileCase[] = [
  refusedTree("G29", "a tree entry .git", folder(".git")),
  refusedTree("G30", "a tree entry ..", folder("..")),
  refusedTree("G31", "a tree entry .GIT", folder(".GIT")),
  refusedTree("G32", "a tree entry GIT~1", folder("GIT~1")),
  refusedTree("G33", "a tree entry .g<zwnj>it", folder(".g\u200cit")),
  refusedTree("G34", "the same name twice", (m) =>
    m.tree(["100644", "a", m.blob("1")], ["100644", "a", m.blob("2")]),
  ),
  refusedTree("G35", ".gitmodules as a link", one("120000", ".gitmodules", "/etc/passwd")),
  refusedTree(
    "G36a",
    "a submodule url that is an option",
    one("100644", ".gitmodules", '[submodule "x"]\n\tpath = x\n\turl = -u./x\n'),
  ),
  refusedTree("G36b", "a submodule path that ends with a carriage return", (m) =>
    m.tree(
      ["100644", ".gitmodules", m.blob('[submodule "x"]\n\tpath = "x\r"\n\turl = ./y\n')],
      ["160000", "x\r", "1".repeat(40)],
    ),
  ),
  refusedTree("G37", "a gitlink", (m) => m.tree(["160000", "sub", "1".repeat(40)]), /nested repo/),
  refusedTree("G40", "a .git file with gitdir: /", one("100644", ".git", "gitdir: /\n")),
  refusedTree(
    "G47",
    "a tree 400 folders deep, its path longer than any",
    (m) => {
      let tree = m.tree(["100644", "x", m.blob("x")]);
      for (let depth = 0; depth < 400; depth++) tree = m.tree(["40000", "deep-folder", tree]);
      return tree;
    },
    /longer than|tree/,
  ),
  refusedTree(
    "G46",
    "21,000 files",
    (m) => {
      const blob = m.blob("x");
      const names = Array.from({ length: 21_000 }, (_, n) => `f${String(n).padStart(6, "0")}`);
      return m.tree(...names.map((name): RawEntry => ["100644", name, blob]));
    },
    /more than 20000/,
  ),
];

const bomb = hostile({
  id: "G45a",
  title: "a small pack whose delta describes 10 GB",
  verdict: "refused",
  build: () => deltaBomb(10 * 1024 ** 3),
  run: async (pack, stage) =>
    refusal((await stage.host()).takeIn(pack, "1".repeat(40)), /over limit/),
});

const zeros = refusedTree(
  "G45b",
  "a small pack with a file of 120 MB of zeros",
  (m) => m.tree(["100644", "zeros", m.blob(Buffer.alloc(120 * 1024 * 1024))]),
  /bytes/,
);

/** Bytes that come in are the bytes that are verified and landed, whatever attributes say of them. */
const attributes = (id: string, title: string, text: string): HostileCase =>
  hostile({
    id,
    title,
    verdict: "contained",
    build: () =>
      packed((m) => {
        const test = m.blob("exit 1 # $Format:%H$\r\n");
        const tree = m.tree(
          ["100644", ".gitattributes", m.blob(text)],
          ["100644", "test.sh", test],
        );
        return m.commit(tree);
      }),
    async run({ pack, commit }, stage): Promise<Verdict> {
      await (await stage.host()).takeIn(pack, commit);
      await using data = await tempDir();
      await using factory = await openFactoryRepo({ dir: join(data.path, "factory.git") });
      await factory.putPack(pack, commit, { boundary: true });
      const tar = Buffer.from(await factory.tar(commit, { uid: 1 })).toString("latin1");
      expect(tar).toContain("exit 1 # $Format:%H$\r\n");
      return "contained";
    },
  });

const rawText = (m: Maker, lines: readonly (string | Uint8Array)[]): string =>
  rawObject(m.dir, "commit", Buffer.concat(lines.map((line) => Buffer.from(line))));

const WHO = "Ada <a@b> 1700000000 +0000";
const METADATA: readonly HostileCase[] = [
  refused("G49a", "a commit with a NUL in its header", (m, parent) => {
    const tree = m.tree(["100644", "x", m.blob("x")]);
    const header = `tree ${tree}\nparent ${parent}\nauthor A\0${WHO}\ncommitter ${WHO}\n\nx\n`;
    return rawText(m, [header]);
  }),
  hostile({
    id: "G49b",
    title: "a commit with invalid UTF-8 and a subject of 1 MB, of which nothing is kept",
    verdict: "sanitised",
    build: (): MakeCommit => (m, parent) => {
      const tree = m.tree(["100644", "x", m.blob("x")]);
      const header = `tree ${tree}\nparent ${parent}\nauthor ${WHO}\ncommitter ${WHO}\n\n`;
      return rawText(m, [header, Uint8Array.of(0xff, 0xfe), "s".repeat(1_000_000)]);
    },
    async run(make, stage): Promise<Verdict> {
      await handed(stage, make);
      return "sanitised";
    },
  }),
];

/** Real collisions are git's own business (its SHA-1 detects them); a wrong name is what a pack could try. */
const collision = hostile({
  id: "G48",
  title: "an object that is sent under another's name",
  verdict: "refused",
  async build(stage) {
    const base = await stage.base();
    const { pack, commit } = await packed((m) =>
      m.commit(m.tree(["100644", "x", m.blob("x")]), { parents: [base.commit] }),
    );
    // one flipped bit: the objects no longer are what their names say
    const at = pack.length - 40;
    pack[at] = (pack[at] ?? 0) ^ 1;
    return { pack, commit, base };
  },
  run: async ({ pack, commit, base }, stage) =>
    refusal((await stage.host()).takeIn(pack, commit, { data: base.data, base: base.commit })),
});

export const GIT_TREES: readonly HostileCase[] = [
  ...REFUSED,
  bomb,
  zeros,
  collision,
  ...METADATA,
  attributes("G51", "export-ignore and export-subst on tests", "* export-ignore export-subst\n"),
  attributes("G52", "text and eol that would change the verified bytes", "* text eol=lf ident\n"),
];
