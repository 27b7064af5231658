import { spawnSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type OpenedFactoryRepo,
  openFactoryRepo,
  openSourceRepo,
} from "../../packages/repo/src/index.ts";
import { fingerprint } from "../support/fingerprint.ts";
import { git, type TempDir, tempDir, tempRepo } from "../support/git.ts";
import { armRepo, type HostileRepo } from "../support/hostile-repo.ts";

const REF = "refs/heads/headrace/r1/integration";

let user: TempDir;
let scratch: TempDir;
let hostile: HostileRepo;
let factory: OpenedFactoryRepo;
let head: string;
let landed: string;

beforeAll(async () => {
  user = await tempRepo();
  scratch = await tempDir();
  hostile = await armRepo(user.path, scratch.path);
  factory = await openFactoryRepo({ dir: join(scratch.path, "factory.git") });
});

afterAll(async () => {
  await user[Symbol.asyncDispose]();
  await scratch[Symbol.asyncDispose]();
});

/** Runs after the operations below, on the same repository: it shows that the traps work. */
const plainGit = (...args: string[]) => spawnSync("git", args, { cwd: user.path, timeout: 20_000 });

const source = () => openSourceRepo(user);
const at = new Date(0);

/** In the order a run makes them; each leaves what the next needs. */
const operations: Array<[name: string, run: () => Promise<unknown>]> = [
  [
    "inspect",
    async () => {
      const state = await (await source()).inspect();
      head = state.head;
      expect(state).toMatchObject({ path: user.path, branch: "main", dirty: true });
    },
  ],
  ["resolve", async () => (await source()).resolve("side")],
  ["resolve of what is missing", async () => (await source()).resolve("evil:x").catch(() => {})],
  ["list", async () => (await source()).list(head)],
  ["read", async () => (await source()).read(head, "a.txt")],
  ["readRef", async () => (await source()).readRef("refs/heads/main")],
  [
    "pack and putPack",
    async () => {
      for (const commit of [head, hostile.side])
        await factory.putPack(await (await source()).pack(commit), commit, { boundary: true });
    },
  ],
  ["tar", async () => factory.tar(head, { uid: 1 })],
  [
    "merge",
    async () => {
      // both are bases without history, so what they share is given as a commit of the factory's
      const [tree, sideTree] = [await factory.treeOf(head), await factory.treeOf(hostile.side)];
      const base = await factory.commit({ tree, parents: [head], message: "base", at });
      const side = await factory.commit({ tree: sideTree, parents: [base], message: "side", at });
      const main = await factory.commit({ tree, parents: [base], message: "main", at });
      const merged = await factory.merge(main, side);
      expect(merged.outcome).toBe("clean");
      landed = await factory.commit({ tree: merged.tree, parents: [main, side], message: "l", at });
    },
  ],
  [
    "the proof of a landing",
    async () => {
      const [before = "", change = ""] = await factory.parentsOf(landed);
      expect(await factory.unproven({ before, change, landed })).toEqual([]);
    },
  ],
  ["diff", async () => factory.diff(head, landed, 100_000)],
  ["diffStat", async () => factory.diffStat(head, landed)],
  ["lineChanges", async () => factory.lineChanges(head, landed)],
  ["moveRef", async () => factory.moveRef(REF, landed, undefined)],
  ["landings", async () => factory.landings(REF, head)],
  [
    "export",
    async () => {
      const pack = await factory.getPack(landed, [head]);
      const answers = await (await source()).export(pack, [
        { ref: REF, to: landed, expected: undefined },
      ]);
      expect(answers).toEqual([{ ref: REF, ok: true }]);
    },
  ],
  [
    "a missing object, which a promisor remote would fetch",
    async () => {
      const object = git(
        scratch.path,
        "--git-dir",
        join(user.path, ".git"),
        "rev-parse",
        "main:gone.txt",
      );
      await rm(join(user.path, ".git/objects", object.slice(0, 2), object.slice(2)));
      await expect((await source()).pack(head)).rejects.toThrow("does not hold all files");
    },
  ],
];

test("no operation over a hostile repository starts a program of its choosing", async () => {
  const outside = (path: string) =>
    /^\.git\/(?:objects\/|refs\/heads\/headrace\/|logs\/refs\/heads\/headrace\/)/.test(path);
  const before = await fingerprint(user.path, outside);
  for (const [name, run] of operations) {
    await run();
    expect(await hostile.sprung(), name).toEqual([]);
  }
  expect(await fingerprint(user.path, outside)).toEqual(before);
});

test("the same repository springs its traps under plain git", async () => {
  git(user.path, "config", "--unset", "core.worktree");
  plainGit("status");
  plainGit("diff", "main", "side", "--", "a.txt");
  plainGit("merge-tree", "--write-tree", "main", "side");
  plainGit("add", "a.txt");
  plainGit("update-ref", "refs/heads/probe", head);
  await writeFile(join(user.path, "c.txt"), "c");
  plainGit("commit", "--all", "--message", "x");
  expect(await hostile.sprung()).toEqual(
    expect.arrayContaining([
      "clean",
      "diff-command",
      "included",
      "merge-driver",
      "process",
      "hook-post-index-change",
      "hook-reference-transaction",
    ]),
  );
});
