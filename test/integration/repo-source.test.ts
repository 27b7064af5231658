import { chmod, mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { UserError } from "@headrace/domain";
import { expect, test } from "vitest";
import {
  createRepository,
  openFactoryRepo,
  openSourceRepo,
} from "../../packages/repo/src/index.ts";
import { commitFiles, git, gitBytes, tempDir, tempRepo } from "../support/git.ts";

const isRoot = process.getuid?.() === 0;

test("what cannot be used is refused with what to do about it", async () => {
  await using dir = await tempRepo();
  await using scratch = await tempDir();
  const refused = async (path: string, message: RegExp) => {
    const inspect = async () => (await openSourceRepo({ path })).inspect();
    await expect(inspect()).rejects.toBeInstanceOf(UserError);
    await expect(inspect()).rejects.toThrow(message);
  };
  await refused(dir.path, /no commit[\s\S]*Commit something\.$/);
  await refused(scratch.path, /not in a git repository[\s\S]*commit there\.$/);
  await refused(join(scratch.path, "absent"), /no directory/);
  await writeFile(join(scratch.path, "file"), "gitdir: /nowhere\n");
  await refused(join(scratch.path, "file"), /is a file/);
  await writeFile(join(scratch.path, ".git"), "gitdir: /nowhere\n");
  await refused(scratch.path, /points to \/nowhere[\s\S]*worktree repair/);
  await commitFiles(dir.path, { "a.txt": "a" });
  git(dir.path, "branch", "headrace");
  await refused(dir.path, /branch named "headrace"[\s\S]*branch -m headrace/);
  await writeFile(join(dir.path, ".git/config"), "[core\n");
  await refused(dir.path, /git cannot read/);
});

test("an unknown revision is refused, whatever it looks like", async () => {
  await using dir = await tempRepo();
  await commitFiles(dir.path, { "a.txt": "a" });
  const source = await openSourceRepo(dir);
  for (const revision of ["nope", "--all", "-x", "", "HEAD:a.txt", "$(id)", "a b"])
    await expect(source.resolve(revision), revision).rejects.toBeInstanceOf(UserError);
});

test("a partial clone that lacks files says how to get them, and then works", async () => {
  await using dir = await tempRepo();
  await using scratch = await tempDir();
  await commitFiles(dir.path, { "a.txt": "a\n" });
  git(dir.path, "config", "uploadpack.allowFilter", "true");
  git(dir.path, "config", "uploadpack.allowAnySHA1InWant", "true");
  const clone = ["clone", "--quiet", "--no-checkout", "--filter=blob:none", `file://${dir.path}`];
  git(scratch.path, ...clone, "partial");
  const path = join(scratch.path, "partial");
  const source = await openSourceRepo({ path });
  const head = await source.resolve("HEAD");
  const refusal = await source.pack(head).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(UserError);
  const [, command = ""] = /git -C \S+ (.*) > /.exec(String(refusal)) ?? [];
  gitBytes(path, command.split(" "));
  expect((await source.pack(head)).length).toBeGreaterThan(100);
});

test("a repository with SHA-256 names works with a factory repository of that kind only", async () => {
  await using dir = await tempRepo("--object-format=sha256");
  await using scratch = await tempDir();
  await commitFiles(dir.path, { "a.txt": "a\n" });
  const source = await openSourceRepo(dir);
  const { head } = await source.inspect();
  const pack = await source.pack(head);
  const [old, wide] = await Promise.all([
    openFactoryRepo({ dir: join(scratch.path, "1") }),
    openFactoryRepo({ dir: join(scratch.path, "2"), objectFormat: "sha256" }),
  ]);
  await expect(old.putPack(pack, head, { boundary: true })).rejects.toBeInstanceOf(UserError);
  await wide.putPack(pack, head, { boundary: true });
  await wide.moveRef("refs/heads/headrace/r/integration", head, undefined);
  expect((await wide.tar(head, { uid: 1 })).length).toBeGreaterThan(512);
});

test("a new repository has one empty commit on main, and no other directory is taken", async () => {
  await using scratch = await tempDir();
  const path = await createRepository(join(scratch.path, "deep/new"));
  expect(git(path, "log", "--format=%s", "main")).toBe("Empty start");
  expect(git(path, "ls-tree", "-r", "main")).toBe("");
  expect(await (await openSourceRepo({ path })).inspect()).toMatchObject({
    name: basename(path),
    branch: "main",
    dirty: false,
  });
  await mkdir(join(scratch.path, "empty"));
  await createRepository(join(scratch.path, "empty"));
  await expect(createRepository(path)).rejects.toThrow(/not empty[\s\S]*--repo/);
  await writeFile(join(scratch.path, "file"), "");
  await expect(createRepository(join(scratch.path, "file"))).rejects.toBeInstanceOf(UserError);
});

test.skipIf(isRoot)("an unreadable repository is refused (root can read it)", async () => {
  await using dir = await tempRepo();
  await chmod(join(dir.path, ".git"), 0);
  await expect(openSourceRepo(dir)).rejects.toThrow("cannot be read");
  await chmod(join(dir.path, ".git"), 0o755);
});

test("gives a commit's regular files up to a size, each content once, in bulk", async () => {
  await using dir = await tempRepo();
  const commit = await commitFiles(dir.path, {
    "a.txt": "one",
    "b/c.txt": "two",
    "big.txt": "x".repeat(2000),
    "copy.txt": "one",
    link: { link: "/etc/passwd" },
  });
  await writeFile(join(dir.path, "a.txt"), "not committed");
  const source = await openSourceRepo({ path: dir.path });
  const found: string[][] = [];
  for await (const { path, bytes } of source.files(commit, 1000))
    found.push([path, Buffer.from(bytes).toString()]);
  expect(found).toEqual([
    ["a.txt", "one"],
    ["b/c.txt", "two"],
  ]);
});
