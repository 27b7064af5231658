import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openFactoryRepo } from "@headrace/repo";
import { expect } from "vitest";
import { commitFiles, git, tempDir, tempRepo } from "../../support/git.ts";
import {
  deltaBomb,
  packAll,
  type RawEntry,
  rawCommit,
  rawObject,
  rawTree,
} from "../../support/raw-objects.ts";
import { type HostileCase, hostile, refusal, type Verdict } from "../case.ts";
import type { Stage } from "../stage.ts";

/** A folder to make raw objects in. */
type Maker = {
  dir: string;
  blob(text: string | Uint8Array): string;
  tree(...entries: RawEntry[]): string;
};

const makeIn = async <T>(work: (maker: Maker) => T | Promise<T>): Promise<T> => {
  await using repo = await tempRepo();
  const dir = repo.path;
  return await work({
    dir,
    blob: (text) => rawObject(dir, "blob", text),
    tree: (...entries) => rawTree(dir, entries),
  });
};

/** A commit on the stage's base with exactly this tree, handed in as an agent's change. */
const handed = async (stage: Stage, tree: (m: Maker) => string): Promise<string> => {
  const base = await stage.base();
  const { pack, commit } = await makeIn((m) => {
    const made = rawCommit(m.dir, tree(m), { parents: [base.commit] });
    return { commit: made, pack: packAll(m.dir) };
  });
  await (await stage.host()).takeIn(pack, commit, { data: base.data, base: base.commit });
  return commit;
};

const refusedTree = (
  id: string,
  title: string,
  tree: (m: Maker) => string,
  words: RegExp = /./,
): HostileCase =>
  hostile({
    id,
    title,
    verdict: "refused",
    build: () => tree,
    run: (make, stage) => refusal(handed(stage, make), words),
  });

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

/** A user's repository in an odd state is read without harm, or refused with what to do. */
const odd = (
  id: string,
  title: string,
  verdict: Verdict,
  arrange: (dir: string, stage: Stage) => unknown,
): HostileCase =>
  hostile({
    id,
    title,
    verdict,
    async build(stage) {
      const repo = await tempRepo();
      await commitFiles(repo.path, { "a.txt": "a\n" });
      await arrange(repo.path, stage);
      return repo;
    },
    async run(made, stage) {
      await using repo = made;
      const work = (await stage.host()).userRepository(repo.path);
      if (verdict === "refused") return refusal(work);
      await work;
      expect(await stage.tripwires.sprung()).toEqual([]);
      return verdict;
    },
  });

const nested = async (dir: string, { tripwires }: Stage, name: string) => {
  git(dir, "init", "--quiet", name);
  const config = `[core]\n\tfsmonitor = ${tripwires.payload} nested\n\tbare = false\n`;
  await writeFile(join(dir, name, ".git/config"), config);
};

const ODD: readonly HostileCase[] = [
  odd("G38", "a nested repository with a configuration of its own", "contained", (dir, stage) =>
    nested(dir, stage, "inner"),
  ),
  odd("G39", "a bare repository embedded at the root", "contained", async (dir, { tripwires }) => {
    const config = `[core]\n\tbare = true\n\tfsmonitor = ${tripwires.payload} embedded\n`;
    await commitFiles(dir, {
      HEAD: "ref: refs/heads/main\n",
      config,
      "objects/x": "",
      "refs/x": "",
      "hooks/post-checkout": { run: `#!/bin/sh\n${tripwires.payload} embedded\n` },
    });
  }),
  odd("G41", "alternates that point to a host repository", "contained", async (dir, stage) => {
    const { path } = await stage.base();
    await writeFile(join(dir, ".git/objects/info/alternates"), `${path}/.git/objects\n`);
  }),
  odd("G42", "packed-refs with a name that climbs", "contained", async (dir) => {
    const head = git(dir, "rev-parse", "HEAD");
    const text = `# pack-refs with: peeled fully-peeled sorted \n${head} refs/heads/../../x\n`;
    await writeFile(join(dir, ".git/packed-refs"), text);
  }),
  odd("G43", "replace refs and grafts", "contained", async (dir) => {
    const head = git(dir, "rev-parse", "HEAD");
    const other = await commitFiles(dir, { "b.txt": "b\n" });
    git(dir, "replace", other, head);
    await mkdir(join(dir, ".git/info"), { recursive: true });
    await writeFile(join(dir, ".git/info/grafts"), `${other} ${head} ${head}\n`);
  }),
  odd("G44", "a shallow file of nonsense", "refused", (dir) =>
    writeFile(join(dir, ".git/shallow"), "nonsense\n"),
  ),
  odd("G50", "an annotated tag named like the branch", "contained", (dir) =>
    git(dir, "tag", "--annotate", "--message", "x", "main"),
  ),
  odd("G53", "a .lfsconfig with a url", "contained", (dir) =>
    commitFiles(dir, {
      ".lfsconfig": "[lfs]\n\turl = http://127.0.0.1:1/x\n",
      ".gitattributes": "*.txt filter=lfs diff=lfs merge=lfs -text\n",
    }),
  ),
  odd("G54", "a .mailmap that renames everybody", "harmless", (dir) =>
    commitFiles(dir, { ".mailmap": "Mallory <m@evil> <ada@example.com>\n" }),
  ),
  odd("G55", "an index that is a link to a host file", "contained", async (dir, { tripwires }) => {
    git(dir, "rm", "--quiet", "--cached", "-r", ".");
    await symlink(tripwires.treasure.path, join(dir, ".git/index.lock"));
  }),
];

/** Bytes that come in are the bytes that are verified and landed, whatever attributes say of them. */
const attributes = (id: string, title: string, text: string): HostileCase =>
  hostile({
    id,
    title,
    verdict: "contained",
    build: () =>
      makeIn((m) => {
        const test = m.blob("exit 1 # $Format:%H$\r\n");
        const tree = m.tree(
          ["100644", ".gitattributes", m.blob(text)],
          ["100644", "test.sh", test],
        );
        return { commit: rawCommit(m.dir, tree), pack: packAll(m.dir) };
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

const metadata = (id: string, title: string, commit: (m: Maker, parent: string) => string) =>
  hostile({
    id,
    title,
    verdict: "refused",
    build: () => commit,
    run: async (make, stage) => {
      const base = await stage.base();
      const made = await makeIn((m) => ({ commit: make(m, base.commit), pack: packAll(m.dir) }));
      const on = { data: base.data, base: base.commit };
      return refusal((await stage.host()).takeIn(made.pack, made.commit, on));
    },
  });

const rawText = (m: Maker, lines: readonly (string | Uint8Array)[]): string =>
  rawObject(m.dir, "commit", Buffer.concat(lines.map((line) => Buffer.from(line))));

const WHO = "Ada <a@b> 1700000000 +0000";
const METADATA: readonly HostileCase[] = [
  metadata("G49a", "a commit with a NUL in its header", (m, parent) => {
    const tree = m.tree(["100644", "x", m.blob("x")]);
    const header = `tree ${tree}\nparent ${parent}\nauthor A\0${WHO}\ncommitter ${WHO}\n\nx\n`;
    return rawText(m, [header]);
  }),
  hostile({
    id: "G49b",
    title: "a commit with invalid UTF-8 and a subject of 1 MB, of which nothing is kept",
    verdict: "sanitised",
    build: () => (m: Maker, parent: string) => {
      const tree = m.tree(["100644", "x", m.blob("x")]);
      const header = `tree ${tree}\nparent ${parent}\nauthor ${WHO}\ncommitter ${WHO}\n\n`;
      return rawText(m, [header, Uint8Array.of(0xff, 0xfe), "s".repeat(1_000_000)]);
    },
    async run(make, stage): Promise<Verdict> {
      const base = await stage.base();
      const made = await makeIn((m) => ({ commit: make(m, base.commit), pack: packAll(m.dir) }));
      await (await stage.host()).takeIn(made.pack, made.commit, {
        data: base.data,
        base: base.commit,
      });
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
    return makeIn((m) => {
      const commit = rawCommit(m.dir, m.tree(["100644", "x", m.blob("x")]), {
        parents: [base.commit],
      });
      const pack = Buffer.from(packAll(m.dir));
      // one flipped bit: the objects no longer are what their names say
      const at = pack.length - 40;
      pack[at] = (pack[at] ?? 0) ^ 1;
      return { pack, commit, base };
    });
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
  ...ODD,
];
