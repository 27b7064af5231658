import { chmod, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { runs, SCRIPT, SPEC } from "../../support/bad-inputs.ts";
import { commitFiles, git } from "../../support/git.ts";
import { accepts, approves, codes, task } from "../../support/script.ts";
import { openShell, type Shell } from "../../support/shell.ts";
import { type HostileCase, hostile, type Verdict } from "../case.ts";
import { factoryOf } from "../obey.ts";

const withRepo = async (shell: Shell): Promise<string> => {
  const repo = join(shell.dir, "repo");
  await mkdir(repo);
  git(repo, "init", "--quiet", "--initial-branch=main");
  await commitFiles(repo, { "README.md": "hello\n" });
  await shell.file("script.yaml", SCRIPT);
  await shell.file("spec.md", SPEC);
  return repo;
};

/** What a person hands in and must be told of, in words, before anything is started. */
const told = (
  id: string,
  title: string,
  says: RegExp,
  arrange: (shell: Shell, repo: string) => unknown,
  args: readonly string[] = runs("spec.md"),
): HostileCase =>
  hostile({
    id,
    title,
    verdict: "refused",
    async build() {
      const shell = await openShell();
      await arrange(shell, await withRepo(shell));
      return shell;
    },
    async run(made, stage): Promise<Verdict> {
      await using shell = made;
      const { code, out, err } = await shell.headrace(...args);
      stage.canaries.note("what is printed", out + err);
      expect({ code, out }, err).toEqual({ code: 2, out: "" });
      expect(err).toMatch(says);
      expect(err).not.toMatch(/^ +at /m);
      return "refused";
    },
  });

const TOLD: readonly HostileCase[] = [
  told("U01", "an empty spec", /is empty/, (shell) => shell.file("spec.md", "")),
  told("U02", "a spec of 10 MB", /10.0 MB/, (shell) =>
    shell.file("spec.md", "# x\n".padEnd(10_000_000, "word ")),
  ),
  told("U03", "a binary spec", /is binary/, (shell) =>
    shell.file("spec.md", Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0)),
  ),
  told("U05", "a spec with a secret", /spec\.md:\d+: looks like a secret \(/, (shell) =>
    shell.file("spec.md", `${SPEC}\nUse ghp_${"a1B2".repeat(9)} to log in.\n`),
  ),
  told(
    "U06b",
    "a folder that is no repository",
    /not in a git repository/,
    (shell) => mkdir(join(shell.dir, "plain")),
    ["run", "spec.md", "--repo", "plain", "--model", "script:script.yaml"],
  ),
  told("U07a", "a base that is missing", /has no commit "gone"/, (shell) =>
    shell.file("spec.md", `---\nbase: gone\n---\n${SPEC}`),
  ),
  told(
    "U09",
    "a spec that is a link to a folder",
    /is not a file/,
    async (shell) => {
      await symlink(join(shell.dir, "repo"), join(shell.dir, "link.md"));
    },
    runs("link.md"),
  ),
];

/** A repository in a state that people have: it is read as it is, or refused with what to do. */
const state = (
  letter: string,
  title: string,
  verdict: "harmless" | "refused",
  arrange: (repo: string, shell: Shell) => Promise<string | undefined> | string | undefined,
): HostileCase =>
  hostile({
    id: `U06${letter}`,
    title,
    verdict,
    async build() {
      const shell = await openShell();
      const repo = await withRepo(shell);
      return { shell, path: (await arrange(repo, shell)) ?? repo };
    },
    async run(made, stage): Promise<Verdict> {
      await using shell = made.shell;
      expect(shell.dir).not.toBe("");
      const work = (await stage.host()).userRepository(made.path);
      const end = await work.then(
        () => "harmless" as const,
        (error: Error) => {
          expect(error.name).toBe("UserError");
          return "refused" as const;
        },
      );
      return end;
    },
  });

const also = (dir: string, ...args: string[]): undefined => {
  git(dir, ...args);
  return undefined;
};

const STATES: readonly HostileCase[] = [
  state("a", "a repository behind a link", "harmless", async (repo, { dir }) => {
    await symlink(repo, join(dir, "link"));
    return join(dir, "link");
  }),
  state("c", "a bare repository", "harmless", (repo, { dir }) => {
    git(dir, "clone", "--quiet", "--bare", repo, "bare.git");
    return join(dir, "bare.git");
  }),
  state("d", "a shallow clone", "harmless", async (repo, { dir }) => {
    await commitFiles(repo, { "b.txt": "b\n" });
    git(dir, "clone", "--quiet", "--depth", "1", `file://${repo}`, "shallow");
    return join(dir, "shallow");
  }),
  state("e", "a dirty work tree", "harmless", async (repo, shell) => {
    await shell.file("repo/README.md", "changed\n");
    return repo;
  }),
  state("f", "a detached head", "harmless", (repo) =>
    also(repo, "checkout", "--quiet", "--detach"),
  ),
  state("g", "a rebase that stopped halfway", "harmless", async (repo) => {
    await mkdir(join(repo, ".git/rebase-merge"));
    return undefined;
  }),
  state("h", "a submodule that is not checked out", "harmless", async (repo) => {
    const object = git(repo, "rev-parse", "HEAD");
    git(repo, "update-index", "--add", "--cacheinfo", `160000,${object},sub`);
    return also(
      repo,
      "-c",
      "user.name=a",
      "-c",
      "user.email=a@b",
      "commit",
      "--quiet",
      "--message",
      "s",
    );
  }),
  state("i", "files of LFS that were not fetched", "harmless", async (repo) => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 1\n`;
    await commitFiles(repo, { "big.bin": pointer });
    return undefined;
  }),
  state("k", "a repository without a commit", "refused", (_, { dir }) => {
    git(dir, "init", "--quiet", "fresh");
    return join(dir, "fresh");
  }),
  state("l", "a read-only object folder", "harmless", async (repo) => {
    await chmod(join(repo, ".git/objects"), 0o555);
    return undefined;
  }),
];

const TROJAN =
  "# Pay \u202enimda\u202c\n\n## Acceptance criteria\n\n- \u2066a.txt\u2069 says \u202eon\u202c.\n";
/** Marks by which a line reads otherwise than it is stored. */
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

const trojan = hostile({
  id: "U04",
  title: "a spec whose bidi marks show a person another text than the model gets",
  verdict: "sanitised",
  async build() {
    const shell = await openShell();
    await withRepo(shell);
    await shell.file("spec.md", TROJAN);
    return shell;
  },
  async run(made, stage): Promise<Verdict> {
    await using shell = made;
    const { code, out, err } = await shell.headrace(...runs("spec.md"), "--detach");
    expect(code, err).toBe(0);
    const [, id = ""] = /^run (\S+):/m.exec(out) ?? [];
    expect(id).toMatch(/^[a-z0-9-]+$/);
    const [status, log] = [await shell.headrace("status", id), await shell.headrace("log", id)];
    for (const text of [out, err, status.out, log.out]) {
      expect(text).not.toMatch(BIDI);
      stage.canaries.note("what is printed", text);
    }
    // in the order in which it is stored, which is what the model reads
    expect(out).toContain("Pay nimda");
    return "sanitised";
  },
});

const plain = {
  tasks: [task("t")],
  script: [
    codes("t", { "t.txt": "the work of each run\n" }),
    approves("plan"),
    approves("t"),
    accepts({ r1: { file: "t.txt", quote: "the work of each run" } }),
  ],
};

const twoRuns = hostile({
  id: "U08",
  title: "two runs on one repository at once",
  verdict: "harmless",
  build: factoryOf,
  async run(factory): Promise<Verdict> {
    const first = await factory.start(plain);
    const second = await factory.start({ ...plain, repo: first.repo });
    expect(second.behind).toBe(first.id);
    for (const run of [first, second]) {
      const { run: row } = await run.settled();
      expect(row.status, row.reasons.join("; ")).toBe("complete");
      expect(run.merged("t.txt")).toBe("the work of each run");
      expect(run.landings()).toHaveLength(1);
    }
    return "harmless";
  },
});

export const SPECS: readonly HostileCase[] = [...TOLD, ...STATES, trojan, twoRuns];
