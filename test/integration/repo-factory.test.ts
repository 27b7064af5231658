import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { HostileTreeError, RefMovedError } from "@headrace/domain";
import { extract } from "tar-stream";
import { expect, test } from "vitest";
import { openFactoryRepo } from "../../packages/repo/src/index.ts";
import { commitFiles, git, gitBytes, packFrom, tempDir, tempRepo } from "../support/git.ts";

const REF = "refs/heads/headrace/r1/integration";
const at = new Date("2026-01-02T03:04:05Z");

/** A factory repository holding `base`, and the repository the base came from. */
const started = async (files: Parameters<typeof commitFiles>[1] = { "a.txt": "1\n2\n3\n" }) => {
  const source = await tempRepo();
  const data = await tempDir();
  await commitFiles(source.path, { "history.txt": "before" }, "history");
  const base = await commitFiles(source.path, { "history.txt": null, ...files }, "base");
  const repo = await openFactoryRepo({ dir: join(data.path, "code.git") });
  await repo.putPack(packFrom(source.path, `--shallow ${base}`, base), base, { boundary: true });
  /** A commit on `parent` in the source, as a sandbox would make it. */
  const change = async (parent: string, changes: Parameters<typeof commitFiles>[1]) => {
    git(source.path, "checkout", "--quiet", "--force", "--detach", parent);
    return commitFiles(source.path, changes);
  };
  const take = async (commit: string, parent: string) =>
    repo.putPack(packFrom(source.path, commit, `^${parent}`), commit);
  return {
    source: source.path,
    dir: join(data.path, "code.git"),
    repo,
    base,
    change,
    take,
    [Symbol.asyncDispose]: async () => {
      await source[Symbol.asyncDispose]();
      await data[Symbol.asyncDispose]();
    },
  };
};

const entriesOf = async (tar: Uint8Array) => {
  const entries: Record<string, { mode: number; uid: number; text: string; link: string | null }> =
    {};
  const reader = extract();
  reader.end(tar);
  for await (const entry of reader)
    entries[entry.header.name] = {
      mode: entry.header.mode ?? 0,
      uid: entry.header.uid ?? -1,
      link: entry.header.linkname ?? null,
      text: (await buffer(entry)).toString("utf8"),
    };
  return entries;
};

test("a base comes in without its history and is readable in every way the port offers", async () => {
  await using s = await started({
    "a.txt": "hello\n",
    "bin/run": { run: "#!/bin/sh\n" },
    link: { link: "a.txt" },
    "späce name.txt": "x",
  });
  expect(await s.repo.has(s.base)).toBe(true);
  expect(await s.repo.has(git(s.source, "rev-parse", `${s.base}^`))).toBe(false);
  expect(await s.repo.parentsOf(s.base)).toEqual([]);
  expect(await s.repo.treeOf(s.base)).toBe(git(s.source, "rev-parse", `${s.base}^{tree}`));
  expect((await s.repo.list(s.base)).map(({ mode, path }) => `${mode} ${path}`)).toEqual([
    "100644 a.txt",
    "100755 bin/run",
    "120000 link",
    "100644 späce name.txt",
  ]);
  expect(Buffer.from((await s.repo.read(s.base, "a.txt")) ?? []).toString()).toBe("hello\n");
  for (const none of ["link", "bin", "bin/", "", "nope", "../a.txt", "/a.txt", "*.txt", "\0"])
    expect(await s.repo.read(s.base, none), none).toBeUndefined();
});

test("a tar holds the committed bytes whatever the attributes say", async () => {
  await using s = await started({
    ".gitattributes": "*.test export-ignore\n*.txt text eol=crlf export-subst\n",
    "a.test": "must run\n",
    "b.txt": "$Format:%H$\nline\n",
    "bin/run": { run: "#!/bin/sh\n" },
    link: { link: "b.txt" },
    [`${"deep/".repeat(40)}naïve.md`]: "long path",
    "empty.txt": "",
  });
  const entries = await entriesOf(await s.repo.tar(s.base, { uid: 1000, prefix: "work" }));
  expect(entries["work/a.test"]).toMatchObject({ text: "must run\n", mode: 0o644, uid: 1000 });
  expect(entries["work/b.txt"]?.text).toBe("$Format:%H$\nline\n");
  expect(entries["work/bin/run"]?.mode).toBe(0o755);
  expect(entries["work/link"]?.link).toBe("b.txt");
  expect(entries[`work/${"deep/".repeat(40)}naïve.md`]?.text).toBe("long path");
  expect(entries["work/"] ?? entries.work).toMatchObject({ mode: 0o755, uid: 1000 });
  expect(await s.repo.tar(s.base, { uid: 1000 })).toEqual(await s.repo.tar(s.base, { uid: 1000 }));
});

test("changes merge, land by compare-and-swap and are listed newest first", async () => {
  await using s = await started({ "a.txt": "1\n2\n3\n", "b.txt": "b\n" });
  const one = await s.change(s.base, { "a.txt": "one\n2\n3\n" });
  const two = await s.change(s.base, { "a.txt": "1\n2\nthree\n" });
  await s.take(one, s.base);
  await s.take(two, s.base);
  await s.repo.moveRef(REF, s.base, undefined);
  const land = async (change: string, tip: string) => {
    const merged = await s.repo.merge(tip, change);
    if (merged.outcome !== "clean") throw new Error("expected a clean merge");
    const message = `Land ${change.slice(0, 7)}\n\nHeadrace-Task: t`;
    const commit = await s.repo.commit({ tree: merged.tree, parents: [tip, change], message, at });
    await s.repo.moveRef(REF, commit, tip);
    return commit;
  };
  const first = await land(one, s.base);
  const second = await land(two, first);
  expect(await s.repo.readRef(REF)).toBe(second);
  expect(await s.repo.landings(REF, s.base)).toEqual([
    {
      commit: second,
      parents: [first, two],
      message: `Land ${two.slice(0, 7)}\n\nHeadrace-Task: t`,
    },
    {
      commit: first,
      parents: [s.base, one],
      message: `Land ${one.slice(0, 7)}\n\nHeadrace-Task: t`,
    },
  ]);
  expect(Buffer.from((await s.repo.read(second, "a.txt")) ?? []).toString()).toBe(
    "one\n2\nthree\n",
  );
  expect(await s.repo.diffStat(s.base, second)).toEqual([{ path: "a.txt", added: 2, removed: 2 }]);
  expect(git(s.dir, "log", "-1", "--format=%an %ae %cn %aI %cI", second)).toBe(
    "Headrace factory@headrace.invalid Headrace 2026-01-02T03:04:05+00:00 2026-01-02T03:04:05+00:00",
  );
});

test("a ref that is not where it was expected stays, and the error says where it is", async () => {
  await using s = await started();
  const other = await s.change(s.base, { "b.txt": "b" });
  await s.take(other, s.base);
  await s.repo.moveRef(REF, s.base, undefined);
  const again = s.repo.moveRef(REF, other, undefined);
  await expect(again).rejects.toMatchObject({ name: "RefMovedError", actual: s.base });
  await expect(s.repo.moveRef(REF, other, other)).rejects.toBeInstanceOf(RefMovedError);
  await expect(s.repo.moveRef(`${REF}-2`, other, s.base)).rejects.toMatchObject({
    expected: s.base,
    actual: undefined,
  });
  const race = await Promise.allSettled([
    s.repo.moveRef(REF, other, s.base),
    s.repo.moveRef(REF, other, s.base),
  ]);
  expect(race.map((one) => one.status).sort()).toEqual(["fulfilled", "rejected"]);
});

test("only plain full names are taken for refs", async () => {
  await using s = await started();
  const names = [
    "-x",
    "--stdin",
    "HEAD",
    "main",
    "refs/heads/../../x",
    "refs/heads/a..b",
    "refs/heads/x.lock",
    "refs/heads/x.",
    "refs/heads/@",
    "refs/heads/-x",
    "refs/heads/$(id)",
    "refs/heads/a;touch x",
    "refs/heads/a\u3000b",
    "refs/heads/a\u202eb",
    "refs/heads/a\nb",
    "refs/heads//a",
    "refs/heads/a/",
  ];
  for (const ref of names)
    await expect(s.repo.moveRef(ref, s.base, undefined), ref).rejects.toThrow("ref name");
});

test("a conflict names its files, and attributes of the tree decide nothing", async () => {
  for (const attribute of ["merge=union", "merge=ours", "merge=evil", "-merge", "binary"]) {
    await using s = await started({
      ".gitattributes": `*.txt ${attribute}\n`,
      "a.txt": "1\n2\n3\n",
      "b.txt": "1\n2\n3\n4\n5\n",
    });
    const one = await s.change(s.base, { "a.txt": "1\nA\n3\n", "b.txt": "A\n2\n3\n4\n5\n" });
    const two = await s.change(s.base, { "a.txt": "1\nB\n3\n", "b.txt": "1\n2\n3\n4\nB\n" });
    await s.take(one, s.base);
    await s.take(two, s.base);
    expect(await s.repo.merge(one, two), attribute).toMatchObject({
      outcome: "conflict",
      files: ["a.txt"],
    });
  }
});

test("a pack carries one commit less what the receiver has, across the shallow base too", async () => {
  await using s = await started({ "a.txt": "a", "big.txt": "x".repeat(10_000) });
  const change = await s.change(s.base, { "b.txt": "b" });
  await s.take(change, s.base);
  const count = (pack: Uint8Array) => Buffer.from(pack).readUInt32BE(8);
  expect(count(await s.repo.getPack(change, [s.base, "0".repeat(40)]))).toBe(3);
  expect(count(await s.repo.getPack(change, [change]))).toBe(0);
  await using fresh = await tempRepo();
  gitBytes(fresh.path, ["index-pack", "--stdin"], await s.repo.getPack(change, []));
  expect(git(fresh.path, "ls-tree", "--name-only", change)).toBe("a.txt\nb.txt\nbig.txt");
  await using other = await tempDir();
  const repo = await openFactoryRepo({ dir: join(other.path, "c.git") });
  await repo.putPack(await s.repo.getPack(s.base, []), s.base, { boundary: true });
  await repo.putPack(await s.repo.getPack(change, [s.base]), change);
  expect(await repo.parentsOf(change)).toEqual([s.base]);
});

test("a commit that is already there stays as it is, so a landed tip can be the next run's base", async () => {
  await using s = await started();
  const change = await s.change(s.base, { "b.txt": "b" });
  await s.take(change, s.base);
  const alone = packFrom(s.source, `--shallow ${change}`, change);
  await s.repo.putPack(alone, change, { boundary: true });
  expect(await s.repo.parentsOf(change)).toEqual([s.base]);
});

test("an incomplete, foreign or broken pack leaves nothing behind", async () => {
  await using s = await started({ "a.txt": "a" });
  const missing = await s.change(s.base, { "b.txt": "b" });
  const top = await s.change(missing, { "c.txt": "c" });
  const before = (await readdir(join(s.dir, "objects/pack"))).sort();
  const cases: Array<[string, Uint8Array]> = [
    ["did not receive expected object", packFrom(s.source, top, `^${missing}`)],
    ["does not hold the commit", packFrom(s.source, missing, `^${s.base}`)],
    ["not a git pack", new TextEncoder().encode("hello world, no pack")],
    ["early EOF", packFrom(s.source, top, `^${s.base}`).slice(0, -30)],
  ];
  for (const [reason, pack] of cases) {
    const put = s.repo.putPack(pack, top);
    await expect(put, reason).rejects.toBeInstanceOf(HostileTreeError);
    await expect(put).rejects.toThrow(reason);
  }
  expect((await readdir(join(s.dir, "objects/pack"))).sort()).toEqual(before);
  expect((await readdir(s.dir)).filter((name) => name.startsWith("quarantine"))).toEqual([]);
  expect(await s.repo.has(top)).toBe(false);
});

test("a diff stops at a whole line when it passes its limit", async () => {
  await using s = await started({ "a.txt": "a\n" });
  const change = await s.change(s.base, { "a.txt": "line\n".repeat(100_000) });
  await s.take(change, s.base);
  const cut = await s.repo.diff(s.base, change, 1000);
  expect(cut.truncated).toBe(true);
  expect(cut.text.length).toBeLessThanOrEqual(1000);
  expect(cut.text.endsWith("+line\n")).toBe(true);
  expect((await s.repo.diff(s.base, change, 1 << 24)).truncated).toBe(false);
});
