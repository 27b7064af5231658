import { spawnSync } from "node:child_process";
import { mkdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openFactoryRepo, openSourceRepo } from "../../packages/repo/src/index.ts";
import { commitFiles, git, tempDir, tempRepo } from "../support/git.ts";

const isRoot = process.getuid?.() === 0;

type Case = {
  state: string;
  make: (dir: string, scratch: string) => Promise<string> | string;
  expected: Record<string, unknown>;
};

const conflicting = async (dir: string) => {
  const start = git(dir, "rev-parse", "HEAD");
  await commitFiles(dir, { "a.txt": "ours" });
  git(dir, "checkout", "--quiet", "-b", "side", start);
  await commitFiles(dir, { "a.txt": "theirs" });
};
const failing = (dir: string, ...args: string[]) => {
  expect(() => git(dir, ...args)).toThrow();
  return dir;
};

const cases: Case[] = [
  { state: "clean", make: (dir) => dir, expected: { branch: "main", dirty: false, bare: false } },
  {
    state: "with a changed file",
    make: async (dir) => {
      await writeFile(join(dir, "a.txt"), "changed");
      return dir;
    },
    expected: { dirty: true },
  },
  {
    state: "with a staged file",
    make: async (dir) => {
      await writeFile(join(dir, "new.txt"), "new");
      git(dir, "add", "new.txt");
      return dir;
    },
    expected: { dirty: true },
  },
  {
    state: "with a file that was only touched",
    make: async (dir) => {
      await utimes(join(dir, "a.txt"), 1, 1);
      return dir;
    },
    expected: { dirty: false },
  },
  {
    state: "with a split index",
    make: (dir) => {
      git(dir, "update-index", "--split-index");
      return dir;
    },
    expected: { dirty: false },
  },
  {
    state: "with CRLF files under core.autocrlf",
    make: async (dir) => {
      git(dir, "config", "core.autocrlf", "true");
      await rm(join(dir, "a.txt"));
      git(dir, "checkout", "--quiet", "a.txt");
      expect(await readFile(join(dir, "a.txt"), "utf8")).toBe("a\r\n");
      await utimes(join(dir, "a.txt"), 1, 1);
      return dir;
    },
    expected: { dirty: false },
  },
  {
    state: "detached",
    make: (dir) => {
      git(dir, "checkout", "--quiet", "--detach");
      return dir;
    },
    expected: { branch: undefined, dirty: false },
  },
  {
    state: "in a merge",
    make: async (dir) => {
      await conflicting(dir);
      return failing(dir, "merge", "main");
    },
    expected: { operation: "merge", branch: "side", dirty: true },
  },
  {
    state: "in a rebase",
    make: async (dir) => {
      await conflicting(dir);
      return failing(dir, "rebase", "main");
    },
    expected: { operation: "rebase", branch: undefined },
  },
  {
    state: "in a cherry-pick",
    make: async (dir) => {
      await conflicting(dir);
      return failing(dir, "cherry-pick", "main");
    },
    expected: { operation: "cherry-pick" },
  },
  {
    state: "in a bisect",
    make: (dir) => {
      git(dir, "bisect", "start");
      return dir;
    },
    expected: { operation: "bisect" },
  },
  {
    state: "shallow",
    make: (dir, scratch) => {
      git(scratch, "clone", "--quiet", "--depth=1", `file://${dir}`, "clone");
      return join(scratch, "clone");
    },
    expected: { shallow: true, name: "clone" },
  },
  {
    state: "bare",
    make: (dir, scratch) => {
      git(scratch, "clone", "--quiet", "--bare", dir, "thing.git");
      return join(scratch, "thing.git");
    },
    expected: { bare: true, name: "thing", dirty: false },
  },
  {
    state: "a linked work tree",
    make: (dir, scratch) => {
      git(dir, "worktree", "add", "--quiet", "-b", "side", join(scratch, "linked"));
      return join(scratch, "linked");
    },
    expected: { branch: "side", name: "linked", dirty: false },
  },
  {
    state: "a submodule",
    make: async (dir, scratch) => {
      git(scratch, "init", "--quiet", "super");
      const add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", dir, "sub"];
      git(join(scratch, "super"), ...add);
      return join(scratch, "super/sub");
    },
    expected: { name: "sub", dirty: false, bare: false },
  },
  {
    state: "given by a folder inside it",
    make: async (dir) => {
      await mkdir(join(dir, "deep/folder"), { recursive: true });
      return join(dir, "deep/folder");
    },
    expected: { dirty: false },
  },
  ...(isRoot
    ? [
        {
          state: "owned by someone else",
          make: (dir: string) => {
            spawnSync("chown", ["-R", "12345:12345", dir]);
            return dir;
          },
          expected: { dirty: false },
        },
      ]
    : []),
  { state: "given by its .git", make: (dir) => join(dir, ".git"), expected: { bare: false } },
  {
    state: "given through a link",
    make: async (dir, scratch) => {
      await symlink(dir, join(scratch, "link"));
      return join(scratch, "link");
    },
    expected: { branch: "main" },
  },
];

for (const { state, make, expected } of cases)
  test(`a repository ${state} is described, and its commit goes to the factory`, async () => {
    await using dir = await tempRepo();
    await using scratch = await tempDir();
    await commitFiles(dir.path, { "a.txt": "before\n" });
    await commitFiles(dir.path, { "a.txt": "a\n", "b/c.txt": "c\n" });
    const path = await make(dir.path, scratch.path);
    const source = await openSourceRepo({ path });
    const seen = await source.inspect();
    for (const [key, value] of Object.entries(expected))
      expect(seen[key as keyof typeof seen], key).toEqual(value);
    expect(seen.head).toBe(git(path, "rev-parse", "HEAD"));
    expect(await source.resolve("HEAD")).toBe(seen.head);
    const factory = await openFactoryRepo({ dir: join(scratch.path, "factory.git") });
    await factory.putPack(await source.pack(seen.head), seen.head, { boundary: true });
    expect(await factory.list(seen.head)).toEqual(await source.list(seen.head));
    expect(Buffer.from((await source.read(seen.head, "b/c.txt")) ?? []).toString()).toBe("c\n");
  });
