import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type LandSpec, landInto } from "../../packages/repo/src/index.ts";
import { fingerprint } from "../support/fingerprint.ts";
import { commitFiles, git, tempDir, tempRepo } from "../support/git.ts";

const LANDING = "headrace/r1/integration";

/** A repository with an integration branch one commit ahead of main; Ada is its configured user. */
const exported = async (change: Parameters<typeof commitFiles>[1] = { "b.txt": "b\n" }) => {
  const repo = await tempRepo();
  const { path } = repo;
  git(path, "config", "user.name", "Ada");
  git(path, "config", "user.email", "ada@example.com");
  const base = await commitFiles(path, { "a.txt": "1\n2\n3\n" });
  git(path, "checkout", "--quiet", "-b", LANDING);
  const commit = await commitFiles(path, change);
  git(path, "checkout", "--quiet", "main");
  const land = (more: Partial<LandSpec> = {}) =>
    landInto({ path, commit, mode: "merge", message: "Land run r1", ...more });
  return { path, base, commit, land, [Symbol.asyncDispose]: () => repo[Symbol.asyncDispose]() };
};

/** ORIG_HEAD: git notes where a merge would start before it looks whether it can. */
const LOGS = (path: string) => /^\.git\/(?:objects\/|logs\/|ORIG_HEAD$)/.test(path);

test("into the checked-out branch it makes the user's merge commit and updates the work tree", async () => {
  await using s = await exported();
  expect(await s.land()).toMatchObject({ outcome: "landed", branch: "main" });
  expect(await readFile(join(s.path, "b.txt"), "utf8")).toBe("b\n");
  expect(git(s.path, "log", "-1", "--format=%s|%an|%cn|%P")).toBe(
    `Land run r1|Ada|Ada|${s.base} ${s.commit}`,
  );
  expect(git(s.path, "status", "--porcelain")).toBe("");
  expect(await s.land()).toMatchObject({ outcome: "already", branch: "main" });
});

test("a fast-forward makes no commit, and is refused where the branch has moved on", async () => {
  await using s = await exported();
  git(s.path, "branch", "moved");
  expect(await s.land({ mode: "fast-forward" })).toEqual({
    outcome: "landed",
    branch: "main",
    commit: s.commit,
    onto: s.base,
  });
  git(s.path, "checkout", "--quiet", "moved");
  const tip = await commitFiles(s.path, { "c.txt": "c" });
  expect(await s.land({ mode: "fast-forward" })).toMatchObject({ outcome: "refused" });
  expect(git(s.path, "rev-parse", "HEAD")).toBe(tip);
});

test("into a branch that is not checked out it touches neither index nor work tree", async () => {
  await using s = await exported();
  git(s.path, "branch", "release/#1");
  await writeFile(join(s.path, "a.txt"), "dirty, and none of its business\n");
  const before = await fingerprint(s.path, (path) => LOGS(path) || path.startsWith(".git/refs/"));
  for (const mode of ["merge", "fast-forward"] as const) {
    git(s.path, "update-ref", "refs/heads/release/#1", s.base);
    const answer = await s.land({ into: "release/#1", mode });
    expect(answer).toMatchObject({ outcome: "landed", branch: "release/#1" });
    expect(git(s.path, "rev-parse", "release/#1^{tree}")).toBe(
      git(s.path, "rev-parse", `${s.commit}^{tree}`),
    );
  }
  expect(await fingerprint(s.path, (path) => LOGS(path) || path.startsWith(".git/refs/"))).toEqual(
    before,
  );
});

test("a conflict names the files and leaves everything as it was", async () => {
  await using s = await exported({ "a.txt": "1\ntheirs\n3\n" });
  await commitFiles(s.path, { "a.txt": "1\nours\n3\n" });
  git(s.path, "branch", "other");
  const before = await fingerprint(s.path, LOGS);
  for (const into of ["main", "other"])
    expect(await s.land({ into })).toEqual({ outcome: "conflict", branch: into, files: ["a.txt"] });
  expect(await fingerprint(s.path, LOGS)).toEqual(before);
});

const refusals: Array<
  [state: string, make: (path: string) => unknown, more: Partial<LandSpec>, reason: RegExp]
> = [
  ["changed", (path) => writeFile(join(path, "a.txt"), "x"), {}, /uncommitted changes/],
  [
    "staged",
    async (path) => {
      await writeFile(join(path, "new.txt"), "x");
      git(path, "add", "new.txt");
    },
    {},
    /uncommitted changes/,
  ],
  ["untracked in the way", (path) => writeFile(join(path, "b.txt"), "mine"), {}, /b\.txt/],
  [
    "detached",
    (path) => git(path, "checkout", "--quiet", "--detach"),
    {},
    /no branch is checked out/,
  ],
  ["in a bisect", (path) => git(path, "bisect", "start"), {}, /bisect is in progress/],
  ["without the branch", () => {}, { into: "nope" }, /no branch nope/],
  ["asked for an option", () => {}, { into: "--all" }, /no branch --all/],
  ["asked for an expression", () => {}, { into: "main~0" }, /no branch main~0/],
];

test.each(refusals)(
  "a repository %s is refused and left as it was",
  async (_state, make, more, reason) => {
    await using s = await exported();
    await make(s.path);
    const before = await fingerprint(s.path, LOGS);
    const answer = await s.land(more);
    expect(answer).toMatchObject({ outcome: "refused", reason: expect.stringMatching(reason) });
    expect(await fingerprint(s.path, LOGS)).toEqual(before);
  },
);

test("a commit that was never exported, or was deleted there, is missing and nothing changes", async () => {
  await using s = await exported();
  const before = await fingerprint(s.path, LOGS);
  expect(await s.land({ commit: "1".repeat(40) })).toEqual({ outcome: "missing", path: s.path });
  expect(await fingerprint(s.path, LOGS)).toEqual(before);
});

test("a branch checked out in another work tree is landed there", async () => {
  await using s = await exported();
  await using scratch = await tempDir();
  const tree = join(scratch.path, "linked");
  git(s.path, "worktree", "add", "--quiet", "-b", "side", tree);
  expect(await s.land({ into: "side" })).toMatchObject({ outcome: "landed" });
  expect(await readFile(join(tree, "b.txt"), "utf8")).toBe("b\n");
  expect(git(tree, "status", "--porcelain")).toBe("");
  expect(git(s.path, "rev-parse", "main")).toBe(s.base);
});

test("hooks stay off, and the user's own filters act", async () => {
  await using s = await exported({ ".gitattributes": "*.up filter=up\n", "x.up": "shout\n" });
  await mkdir(join(s.path, ".git/hooks"), { recursive: true });
  for (const name of [
    "pre-merge-commit",
    "commit-msg",
    "post-merge",
    "post-checkout",
    "reference-transaction",
  ]) {
    await writeFile(
      join(s.path, ".git/hooks", name),
      `#!/bin/sh\n: > "${s.path}/.git/sprung-${name}"\nexit 1\n`,
    );
    await chmod(join(s.path, ".git/hooks", name), 0o755);
  }
  git(s.path, "config", "core.fsmonitor", join(s.path, ".git/hooks/post-merge"));
  git(s.path, "config", "filter.up.smudge", "tr a-z A-Z");
  git(s.path, "config", "filter.up.clean", "tr A-Z a-z");
  git(s.path, "config", "branch.main.mergeOptions", "--no-commit --squash");
  expect(await s.land()).toMatchObject({ outcome: "landed" });
  expect(await readFile(join(s.path, "x.up"), "utf8")).toBe("SHOUT\n");
  expect(git(s.path, "cat-file", "blob", "HEAD:x.up")).toBe("shout");
  expect((await readdir(join(s.path, ".git"))).filter((name) => name.startsWith("sprung"))).toEqual(
    [],
  );
});

test("a bare repository is landed in", async () => {
  await using s = await exported();
  await using scratch = await tempDir();
  git(scratch.path, "clone", "--quiet", "--bare", s.path, "bare.git");
  const path = join(scratch.path, "bare.git");
  expect(await s.land({ path })).toMatchObject({ outcome: "landed", branch: "main" });
  expect(git(path, "ls-tree", "--name-only", "main")).toBe("a.txt\nb.txt");
});
