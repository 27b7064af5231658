import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InfrastructureError } from "@headrace/domain";
import { expect, test } from "vitest";
import { openFactoryRepo } from "../../packages/repo/src/index.ts";
import { commitFiles, git, gitBytes, packFrom, tempDir, tempRepo } from "../support/git.ts";
import { rawCommit } from "../support/raw-objects.ts";

const REF = "refs/heads/headrace/r1/integration";
const at = new Date(0);

const withBase = async () => {
  const source = await tempRepo();
  const data = await tempDir();
  const dir = join(data.path, "factory.git");
  const base = await commitFiles(source.path, { "a.txt": "a\n" });
  const repo = await openFactoryRepo({ dir });
  await repo.putPack(packFrom(source.path, base), base, { boundary: true });
  return {
    dir,
    base,
    repo,
    source: source.path,
    [Symbol.asyncDispose]: async () => {
      await source[Symbol.asyncDispose]();
      await data[Symbol.asyncDispose]();
    },
  };
};

test("locks and half-written files of a killed process are cleared away at open", async () => {
  await using s = await withBase();
  await s.repo.moveRef(REF, s.base, undefined);
  await writeFile(join(s.dir, `${REF}.lock`), "");
  await writeFile(join(s.dir, "HEAD.lock"), "");
  await writeFile(join(s.dir, "objects/pack/tmp_pack_x"), "half");
  await mkdir(join(s.dir, "quarantine-dead/pack"), { recursive: true });
  const repo = await openFactoryRepo({ dir: s.dir });
  const tree = await repo.treeOf(s.base);
  const next = await repo.commit({ tree, parents: [s.base], message: "n", at });
  await repo.moveRef(REF, next, s.base);
  const names = await readdir(s.dir, { recursive: true });
  expect(names.filter((name) => /\.lock$|tmp_|quarantine/.test(name))).toEqual([]);
});

test("after an unclean stop a damaged repository is found, after a clean one it is not searched", async () => {
  await using s = await withBase();
  const tree = await s.repo.treeOf(s.base);
  const lost = await s.repo.commit({ tree, parents: [s.base], message: "lost", at });
  const tip = await s.repo.commit({ tree, parents: [lost], message: "tip", at });
  await s.repo.moveRef(REF, tip, undefined);
  await rm(join(s.dir, "objects", lost.slice(0, 2), lost.slice(2)));
  await s.repo.close();
  const reopened = await openFactoryRepo({ dir: s.dir });
  expect(await reopened.readRef(REF)).toBe(tip);
  const unclean = openFactoryRepo({ dir: s.dir });
  await expect(unclean).rejects.toBeInstanceOf(InfrastructureError);
  await expect(unclean).rejects.toThrow(/is damaged[\s\S]*Restore it/);
});

test("an unclean stop of a sound repository is no hindrance", async () => {
  await using s = await withBase();
  await s.repo.moveRef(REF, s.base, undefined);
  const again = await openFactoryRepo({ dir: s.dir });
  expect(await again.readRef(REF)).toBe(s.base);
});

test("many packs become one at open, and snapshots no ref names stay", async () => {
  await using s = await withBase();
  const tree = await s.repo.treeOf(s.base);
  const snapshots = Array.from({ length: 51 }, (_, turn) =>
    rawCommit(s.dir, tree, { parents: [s.base], author: `Ada <a@b> ${turn} +0000` }),
  );
  for (const snapshot of snapshots)
    gitBytes(s.dir, ["pack-objects", "-q", "objects/pack/pack"], `${snapshot}\n`);
  const packs = async () =>
    (await readdir(join(s.dir, "objects/pack"))).filter((name) => name.endsWith(".pack")).length;
  expect(await packs()).toBe(52);
  const again = await openFactoryRepo({ dir: s.dir });
  expect(await packs()).toBe(1);
  for (const snapshot of snapshots) expect(await again.has(snapshot)).toBe(true);
});

test("two snapshots at once both arrive, and so do two bases", async () => {
  await using s = await withBase();
  const commits = ["x", "y", "z"].map(async (name) => {
    await using other = await tempRepo();
    const commit = await commitFiles(other.path, { [name]: name });
    return { commit, pack: packFrom(other.path, commit) };
  });
  const made = await Promise.all(commits);
  await Promise.all(
    made.map(({ pack, commit }) => s.repo.putPack(pack, commit, { boundary: true })),
  );
  for (const { commit } of made) expect(await s.repo.has(commit)).toBe(true);
  const shallow = (await readFile(join(s.dir, "shallow"), "utf8")).trim().split("\n");
  expect(shallow.sort()).toEqual([s.base, ...made.map(({ commit }) => commit)].sort());
});

const strace = spawnSync("strace", ["-V"]).status === 0;

test.skipIf(!strace)(
  "objects and their directories are flushed before a ref moves, and the ref's before it resolves (needs strace)",
  async () => {
    await using s = await withBase();
    await s.repo.close();
    const log = join(s.dir, "strace.log");
    const calls = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat";
    const program = join(import.meta.dirname, "../fixtures/land-one-change.ts");
    const args = ["-f", "-y", "-s", "300", "-e", `trace=${calls}`, "-o", log];
    const run = spawnSync("strace", [...args, process.execPath, program, s.dir, s.base]);
    expect(run.stderr.toString()).toBe("");
    const lines = (await readFile(log, "utf8")).split("\n");
    const commit = git(s.dir, "rev-parse", REF);
    const folder = `objects/${commit.slice(0, 2)}`;
    const line = (pattern: RegExp, after = 0) => {
      const found = lines.findIndex((text, index) => index >= after && pattern.test(text));
      expect(found, String(pattern)).toBeGreaterThan(-1);
      return found;
    };
    const written = line(/fsync\(.*tmp_obj/);
    const named = line(new RegExp(`(?:rename|link).*${folder}/${commit.slice(2)}`), written);
    const folderFlushed = line(new RegExp(`fsync\\(\\d+<[^>]*/${folder}>`), named);
    const parentFlushed = line(/fsync\(\d+<[^>]*factory\.git\/objects>/, named);
    const committed = line(/mkdir.*\/committed"/);
    const refFlushed = line(/fsync\(.*integration\.lock/, committed);
    const moved = line(/rename.*integration\.lock.*integration"/, refFlushed);
    const landed = line(/mkdir.*\/landed"/, moved);
    expect(Math.max(folderFlushed, parentFlushed)).toBeLessThan(committed);
    for (const dir of ["refs/heads/headrace/r1", "refs/heads/headrace", "refs/heads", "refs"])
      expect(line(new RegExp(`fsync\\(\\d+<[^>]*factory\\.git/${dir}>`), moved)).toBeLessThan(
        landed,
      );
  },
);
