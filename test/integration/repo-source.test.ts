import { spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
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

test("what cannot be used is refused with what to do about it", async () => {
  await using dir = await tempRepo();
  await using scratch = await tempDir();
  const refused = async (path: string, message: RegExp) => {
    const inspect = async () => (await openSourceRepo({ path })).inspect();
    await expect(inspect()).rejects.toBeInstanceOf(UserError);
    await expect(inspect()).rejects.toThrow(message);
  };
  await refused(dir.path, /no commit[\s\S]*--new DIR/);
  await refused(scratch.path, /not in a git repository[\s\S]*--new DIR/);
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
