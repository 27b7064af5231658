import { join } from "node:path";
import { expect, test } from "vitest";
import { openFactoryRepo, openSourceRepo } from "../../packages/repo/src/index.ts";
import { fingerprint } from "../support/fingerprint.ts";
import { commitFiles, git, packFrom, tempDir, tempRepo } from "../support/git.ts";

const REF = "refs/heads/headrace/r1/integration";
const TASK = "refs/heads/headrace/r1/tasks/t1-first";

/** What an export may touch: objects, the factory's refs and their reflogs. */
const exported = (path: string) =>
  /^\.git\/(?:objects\/|refs\/heads\/headrace\/|logs\/refs\/heads\/headrace\/)/.test(path);

/** A user's repository with a factory that has built one change on its HEAD. */
const built = async () => {
  const user = await tempRepo();
  const data = await tempDir();
  await commitFiles(user.path, { "a.txt": "before\n" });
  const base = await commitFiles(user.path, { "a.txt": "a\n" });
  const source = await openSourceRepo(user);
  const factory = await openFactoryRepo({ dir: join(data.path, "factory.git") });
  await factory.putPack(await source.pack(base), base, { boundary: true });
  git(data.path, "clone", "--quiet", user.path, "sandbox");
  const sandbox = join(data.path, "sandbox");
  const change = async (files: Parameters<typeof commitFiles>[1]) => {
    const parent = git(sandbox, "rev-parse", "HEAD");
    const commit = await commitFiles(sandbox, files);
    await factory.putPack(packFrom(sandbox, commit, `^${parent}`), commit);
    return commit;
  };
  return {
    user: user.path,
    source,
    factory,
    base,
    change,
    pack: (commit: string) => factory.getPack(commit, [base]),
    [Symbol.asyncDispose]: async () => {
      await user[Symbol.asyncDispose]();
      await data[Symbol.asyncDispose]();
    },
  };
};

test("branches arrive with their history and nothing else of the repository changes", async () => {
  await using s = await built();
  const one = await s.change({ "b.txt": "b\n" });
  const two = await s.change(
    Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`d/${i}`, `${i}`])),
  );
  const before = await fingerprint(s.user, exported);
  const first = { ref: REF, to: one, expected: undefined };
  expect(await s.source.export(await s.pack(one), [first])).toEqual([{ ref: REF, ok: true }]);
  const moves = [
    { ref: REF, to: two, expected: one },
    { ref: TASK, to: one, expected: undefined },
  ];
  expect(await s.source.export(await s.pack(two), moves)).toEqual([
    { ref: REF, ok: true },
    { ref: TASK, ok: true },
  ]);
  expect(await fingerprint(s.user, exported)).toEqual(before);
  expect(git(s.user, "rev-list", "--count", "headrace/r1/integration")).toBe("4");
  expect(git(s.user, "log", "-g", "-1", "--format=%gs", "headrace/r1/integration")).toBe(
    "headrace: export",
  );
  git(s.user, "fsck", "--strict");
});

test("an export delivered twice is answered the same", async () => {
  await using s = await built();
  const one = await s.change({ "b.txt": "b\n" });
  const move = [{ ref: REF, to: one, expected: undefined }];
  const pack = await s.pack(one);
  expect(await s.source.export(pack, move)).toEqual(await s.source.export(pack, move));
});

test("a branch the user moved, deleted or checked out is answered, not forced", async () => {
  await using s = await built();
  const one = await s.change({ "b.txt": "b\n" });
  const two = await s.change({ "c.txt": "c\n" });
  await s.source.export(await s.pack(one), [{ ref: REF, to: one, expected: undefined }]);
  const move = async () => {
    const [answer] = await s.source.export(await s.pack(two), [
      { ref: REF, to: two, expected: one },
    ]);
    return answer;
  };
  git(s.user, "update-ref", REF, s.base);
  expect(await move()).toMatchObject({
    ok: false,
    reason: expect.stringContaining("was moved to"),
  });
  git(s.user, "update-ref", "-d", REF);
  expect(await move()).toMatchObject({ ok: false, reason: "it was deleted" });
  git(s.user, "update-ref", REF, one);
  git(
    s.user,
    "worktree",
    "add",
    "--quiet",
    join(s.user, ".git/elsewhere"),
    "headrace/r1/integration",
  );
  expect(await move()).toMatchObject({
    ok: false,
    reason: expect.stringContaining("checked out in"),
  });
  expect(await s.source.readRef(REF)).toBe(one);
  git(s.user, "worktree", "remove", join(s.user, ".git/elsewhere"));
  git(s.user, "symbolic-ref", REF, "refs/heads/main");
  git(s.user, "update-ref", "refs/heads/main", s.base);
  expect(await move()).toMatchObject({ ok: false });
  expect(git(s.user, "rev-parse", "main")).toBe(s.base);
});

test("a branch in the way, a missing base and a broken pack are reasons, not crashes", async () => {
  await using s = await built();
  const one = await s.change({ "b.txt": "b\n" });
  const move = [{ ref: REF, to: one, expected: undefined }];
  git(s.user, "branch", "headrace");
  expect(await s.source.export(await s.pack(one), move)).toMatchObject([{ ok: false }]);
  git(s.user, "branch", "-D", "headrace");
  const broken = (await s.pack(one)).slice(0, -10);
  expect(await s.source.export(broken, move)).toMatchObject([{ ok: false }]);
  await using other = await tempRepo();
  await commitFiles(other.path, { "x.txt": "x" });
  const stranger = await openSourceRepo(other);
  expect(await stranger.export(await s.pack(one), move)).toMatchObject([{ ok: false }]);
  expect(git(other.path, "for-each-ref", "refs/heads/headrace")).toBe("");
});

test("only the factory's own branches can be exported", async () => {
  await using s = await built();
  const one = await s.change({ "b.txt": "b\n" });
  for (const ref of ["refs/heads/main", "refs/heads/headrace", "refs/tags/headrace/x", "HEAD"])
    await expect(
      s.source.export(await s.pack(one), [{ ref, to: one, expected: undefined }]),
    ).rejects.toThrow("only branches under");
});

test("shallow, bare and linked repositories take branches in", async () => {
  await using s = await built();
  await using scratch = await tempDir();
  const one = await s.change({ "b.txt": "b\n" });
  git(scratch.path, "clone", "--quiet", "--depth=1", `file://${s.user}`, "shallow");
  git(scratch.path, "clone", "--quiet", "--bare", s.user, "bare.git");
  git(s.user, "worktree", "add", "--quiet", join(scratch.path, "linked"));
  for (const name of ["shallow", "bare.git", "linked"]) {
    const path = join(scratch.path, name);
    const source = await openSourceRepo({ path });
    const move = [{ ref: REF, to: one, expected: undefined }];
    expect(await source.export(await s.pack(one), move), name).toEqual([{ ref: REF, ok: true }]);
    expect(git(path, "rev-parse", REF)).toBe(one);
  }
});
