import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { LandSpec } from "../../packages/repo/src/index.ts";
import { exportedRepo } from "../support/exported-repo.ts";
import { fingerprint } from "../support/fingerprint.ts";
import { commitFiles, git, tempDir } from "../support/git.ts";

/** ORIG_HEAD: git notes where a merge would start before it looks whether it can. */
const LOGS = (path: string) => /^\.git\/(?:objects\/|logs\/|ORIG_HEAD$)/.test(path);

test("into the checked-out branch it makes the user's merge commit and updates the work tree", async () => {
  await using s = await exportedRepo();
  expect(await s.land()).toMatchObject({ outcome: "landed", branch: "main" });
  expect(await readFile(join(s.path, "b.txt"), "utf8")).toBe("b\n");
  expect(git(s.path, "log", "-1", "--format=%s|%an|%cn|%P")).toBe(
    `Land run r1|Ada|Ada|${s.base} ${s.commit}`,
  );
  expect(git(s.path, "status", "--porcelain")).toBe("");
  expect(await s.land()).toMatchObject({ outcome: "already", branch: "main" });
});

test("a fast-forward makes no commit, and is refused where the branch has moved on", async () => {
  await using s = await exportedRepo();
  git(s.path, "branch", "moved");
  expect(await s.land({ mode: "fast-forward" })).toEqual({
    outcome: "landed",
    branch: "main",
    commit: s.commit,
  });
  git(s.path, "checkout", "--quiet", "moved");
  const tip = await commitFiles(s.path, { "c.txt": "c" });
  expect(await s.land({ mode: "fast-forward" })).toMatchObject({ outcome: "refused" });
  expect(git(s.path, "rev-parse", "HEAD")).toBe(tip);
});

test("into a branch that is not checked out it touches neither index nor work tree", async () => {
  await using s = await exportedRepo();
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
  await using s = await exportedRepo({ "a.txt": "1\ntheirs\n3\n" });
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
  [
    "ignored in the way",
    async (path) => {
      await writeFile(join(path, ".git/info/exclude"), "b.txt\n");
      await writeFile(join(path, "b.txt"), "mine");
    },
    {},
    /b\.txt/,
  ],
  ["untracked in the way", (path) => writeFile(join(path, "b.txt"), "mine"), {}, /b\.txt/],
  [
    "detached",
    (path) => git(path, "checkout", "--quiet", "--detach"),
    {},
    /no branch is checked out/,
  ],
  ["in a bisect", (path) => git(path, "bisect", "start"), {}, /bisect is in progress/],
  [
    "with the branch in a work tree that is gone",
    async (path) => {
      const tree = join(path, ".git/gone");
      git(path, "worktree", "add", "--quiet", "-b", "gone", tree);
      await rm(tree, { recursive: true });
    },
    { into: "gone" },
    /checked out in .*gone, which is not there/,
  ],
  [
    "in which the branch is being rebased",
    async (path) => {
      git(path, "branch", "onto");
      await commitFiles(path, { "a.txt": "1\nmine\n3\n" });
      git(path, "checkout", "--quiet", "onto");
      await commitFiles(path, { "a.txt": "1\nours\n3\n" });
      expect(() => git(path, "rebase", "onto", "main")).toThrow();
    },
    { into: "main" },
    /rebase of main is in progress/,
  ],
  ["without the branch", () => {}, { into: "nope" }, /no branch nope/],
  ["asked for an option", () => {}, { into: "--all" }, /no branch --all/],
  ["asked for an expression", () => {}, { into: "main~0" }, /no branch main~0/],
];

test.each(refusals)(
  "a repository %s is refused and left as it was",
  async (_state, make, more, reason) => {
    await using s = await exportedRepo();
    await make(s.path);
    const before = await fingerprint(s.path, LOGS);
    const answer = await s.land(more);
    expect(answer).toMatchObject({ outcome: "refused", reason: expect.stringMatching(reason) });
    expect(await fingerprint(s.path, LOGS)).toEqual(before);
  },
);

test("a commit that was never exported, or was deleted there, is missing and nothing changes", async () => {
  await using s = await exportedRepo();
  const before = await fingerprint(s.path, LOGS);
  expect(await s.land({ commit: "1".repeat(40) })).toEqual({ outcome: "missing", path: s.path });
  expect(await fingerprint(s.path, LOGS)).toEqual(before);
});

test("a branch checked out in another work tree is landed there", async () => {
  await using s = await exportedRepo();
  await using scratch = await tempDir();
  const tree = join(scratch.path, "linked");
  git(s.path, "worktree", "add", "--quiet", "-b", "side", tree);
  expect(await s.land({ into: "side" })).toMatchObject({ outcome: "landed" });
  expect(await readFile(join(tree, "b.txt"), "utf8")).toBe("b\n");
  expect(git(tree, "status", "--porcelain")).toBe("");
  expect(git(s.path, "rev-parse", "main")).toBe(s.base);
});

test("hooks stay off, and the user's own filters act", async () => {
  await using s = await exportedRepo({ ".gitattributes": "*.up filter=up\n", "x.up": "shout\n" });
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
  await using s = await exportedRepo();
  await using scratch = await tempDir();
  git(scratch.path, "clone", "--quiet", "--bare", s.path, "bare.git");
  const path = join(scratch.path, "bare.git");
  expect(await s.land({ path })).toMatchObject({ outcome: "landed", branch: "main" });
  expect(git(path, "ls-tree", "--name-only", "main")).toBe("a.txt\nb.txt");
});

test("a merge is planned by objects alone, and is what was planned to the last byte", async () => {
  await using s = await exportedRepo();
  const tip = await commitFiles(s.path, { "c.txt": "c\n" });
  const before = await fingerprint(s.path, LOGS);
  const plan = await s.plan();
  if (plan.outcome !== "ready") throw new Error(plan.outcome);
  const candidate = await plan.candidate();
  expect(await fingerprint(s.path, LOGS)).toEqual(before);
  expect(plan).toMatchObject({ branch: "main", onto: tip });
  expect(git(s.path, "log", "-1", "--format=%T %P", candidate)).toBe(
    `${plan.tree} ${tip} ${s.commit}`,
  );
  expect(await plan.carryOut("Land run r1\n\nHeadrace-Run: r1\n")).toMatchObject({
    outcome: "landed",
  });
  expect(git(s.path, "log", "-1", "--format=%T %P|%(trailers:key=Headrace-Run,valueonly)")).toBe(
    `${plan.tree} ${tip} ${s.commit}|r1\n`,
  );
  expect(git(s.path, "reflog", "-1", "--format=%gs")).toMatch(/^headrace land/);
  expect(git(s.path, "status", "--porcelain")).toBe("");
});

test.each<[what: string, meanwhile: (path: string) => unknown, reason: RegExp]>([
  ["committed", (path) => commitFiles(path, { "c.txt": "c\n" }), /main was moved meanwhile/],
  [
    "gone back a commit",
    (path) => git(path, "reset", "--quiet", "--hard", "main~1"),
    /main was moved meanwhile/,
  ],
  ["changed a file", (path) => writeFile(join(path, "a.txt"), "x"), /uncommitted changes/],
  [
    "switched away and moved it",
    async (path) => {
      git(path, "checkout", "--quiet", "-b", "other");
      git(path, "branch", "-f", "main", "main~1");
    },
    /main was moved meanwhile/,
  ],
])(
  "a person who has %s between plan and merge is not merged over",
  async (_, meanwhile, reason) => {
    await using s = await exportedRepo();
    await commitFiles(s.path, { "d.txt": "d\n" });
    const plan = await s.plan();
    await meanwhile(s.path);
    const before = await fingerprint(s.path, LOGS);
    expect(plan.outcome === "ready" && (await plan.carryOut("Land\n"))).toMatchObject({
      outcome: "refused",
      reason: expect.stringMatching(reason),
    });
    expect(await fingerprint(s.path, LOGS)).toEqual(before);
  },
);
