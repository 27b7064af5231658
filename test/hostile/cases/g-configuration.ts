import { spawnSync } from "node:child_process";
import { chmod, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { sh } from "../../contract/suites/sandbox-harness.ts";
import { fingerprint } from "../../support/fingerprint.ts";
import { commitFiles, git, tempDir, tempRepo } from "../../support/git.ts";
import { type HostileCase, hostile } from "../case.ts";
import { handIn, type Stage } from "../stage.ts";

/** Something below `.git` that would start `trap`, and a command of plain git that springs it. */
type Attack = {
  n: number;
  what: string;
  files: (trap: string) => Readonly<Record<string, string>>;
  proof?: readonly string[];
  verdict?: "harmless";
};

const hook = (n: number, name: string, proof?: readonly string[]): Attack => ({
  n,
  what: `hook ${name}`,
  files: (trap) => ({ [`hooks/${name}`]: `#!/bin/sh\nexec ${trap} ${name}\n` }),
  ...(proof === undefined ? {} : { proof }),
});

const config = (
  n: number,
  what: string,
  text: (trap: string) => string,
  proof?: readonly string[],
  attributes?: string,
): Attack => ({
  n,
  what,
  files: (trap) => ({
    config: text(trap),
    ...(attributes === undefined ? {} : { "info/attributes": `${attributes}\n` }),
  }),
  ...(proof === undefined ? {} : { proof }),
});

const COMMIT = ["commit", "--all", "--message", "x"];
const FILTER = '[filter "x"]\n';

const ATTACKS: readonly Attack[] = [
  hook(1, "pre-commit", COMMIT),
  hook(2, "post-commit", COMMIT),
  hook(3, "prepare-commit-msg", COMMIT),
  hook(4, "commit-msg", COMMIT),
  hook(5, "post-checkout", ["checkout", "--force", "side"]),
  hook(6, "post-merge", ["merge", "-s", "ours", "side"]),
  hook(7, "pre-push", ["push", ".", "HEAD:refs/heads/elsewhere"]),
  hook(8, "reference-transaction", ["update-ref", "refs/heads/probe", "HEAD"]),
  hook(9, "pre-auto-gc"),
  hook(10, "post-index-change", ["add", "a.txt"]),
  hook(11, "pre-merge-commit", ["merge", "-s", "ours", "side"]),
  hook(12, "post-rewrite", ["commit", "--amend", "--message", "y"]),
  hook(13, "pre-rebase", ["rebase", "--autostash", "side"]),
  {
    n: 14,
    what: "hook fsmonitor-watchman",
    files: (trap) => ({
      "hooks/fsmonitor-watchman": `#!/bin/sh\nexec ${trap} fsmonitor-watchman\n`,
      config: "[core]\n\tfsmonitor = .git/hooks/fsmonitor-watchman\n",
    }),
    proof: ["status"],
  },
  config(15, "core.fsmonitor", (trap) => `[core]\n\tfsmonitor = ${trap} fsmonitor\n`, ["status"]),
  {
    n: 16,
    what: "core.hooksPath",
    files: (trap) => ({
      config: "[core]\n\thooksPath = .git/elsewhere\n",
      "elsewhere/reference-transaction": `#!/bin/sh\nexec ${trap} hooks-path\n`,
    }),
    proof: ["update-ref", "refs/heads/probe", "HEAD"],
  },
  config(
    17,
    "core.sshCommand",
    (trap) =>
      `[core]\n\tsshCommand = ${trap} ssh\n[remote "origin"]\n\turl = ssh://nowhere.invalid/x\n`,
    ["fetch", "origin"],
  ),
  config(
    18,
    "core.pager, editor and askPass",
    (trap) =>
      `[core]\n\tpager = ${trap} pager\n\teditor = ${trap} editor\n\taskPass = ${trap} askpass\n`,
    ["commit", "--all"],
  ),
  config(19, "credential.helper", (trap) => `[credential]\n\thelper = !${trap} credential\n`, [
    "credential",
    "reject",
  ]),
  config(
    20,
    "gpg.program with commit.gpgSign",
    (trap) =>
      `[gpg]\n\tprogram = ${trap}\n[commit]\n\tgpgSign = true\n[log]\n\tshowSignature = true\n`,
    COMMIT,
  ),
  config(
    21,
    "filter clean, smudge and process",
    (trap) => `${FILTER}\tclean = ${trap} clean\n\tsmudge = ${trap} smudge\n\trequired = true\n`,
    ["add", "a.txt"],
    "* filter=x",
  ),
  config(
    22,
    "diff textconv and command",
    (trap) =>
      `[diff "x"]\n\ttextconv = ${trap} textconv\n\tcommand = ${trap} diff\n[diff]\n\texternal = ${trap} external\n`,
    ["diff", "side", "main"],
    "* diff=x",
  ),
  config(
    23,
    "merge driver",
    (trap) => `[merge "x"]\n\tdriver = ${trap} merge %O %A %B\n`,
    ["merge-tree", "--write-tree", "main", "side"],
    "* merge=x",
  ),
  {
    ...config(
      24,
      "alias of a builtin",
      (trap) => `[alias]\n\tstatus = !${trap} alias\n\trev-parse = !${trap} alias\n`,
    ),
    verdict: "harmless",
  },
  config(
    25,
    "uploadpack.packObjectsHook",
    (trap) => `[uploadpack]\n\tpackObjectsHook = ${trap} pack-objects\n`,
  ),
  {
    n: 26,
    what: "include.path and includeIf",
    files: (trap) => ({
      config: `[include]\n\tpath = included\n[includeIf "gitdir:/**"]\n\tpath = included\n`,
      included: `[core]\n\tfsmonitor = ${trap} included\n`,
    }),
    proof: ["status"],
  },
  config(27, "core.worktree=/", () => "[core]\n\tworktree = /\n"),
  config(
    28,
    "gitProxy, remote uploadpack and url insteadOf",
    (trap) =>
      `[core]\n\tgitProxy = ${trap} proxy\n[remote "origin"]\n\turl = evil:x\n\tuploadpack = ${trap} uploadpack\n\tpromisor = true\n[url "ext::${trap} "]\n\tinsteadOf = evil:\n[protocol "ext"]\n\tallow = always\n[extensions]\n\tpartialClone = origin\n`,
    ["fetch", "origin"],
  ),
];

/** Writes an attack's files below a git directory; `config` is added to what is there. */
const arm = async (gitDir: string, files: Readonly<Record<string, string>>) => {
  for (const [path, text] of Object.entries(files)) {
    const full = join(gitDir, path);
    await mkdir(dirname(full), { recursive: true });
    const old = path === "config" ? await readFile(full, "utf8") : "";
    await writeFile(full, `${old}${text}`);
    await chmod(full, 0o755);
  }
};

/** A user's repository with two branches and a dirty work tree, so that every trap has an occasion. */
const pristine = (stage: Stage): Promise<string> =>
  stage.once("pristine", async (closing) => {
    const repo = closing.use(await tempRepo());
    const start = await commitFiles(repo.path, { "a.txt": "1\n2\n3\n", "AGENTS.md": "Be kind.\n" });
    git(repo.path, "checkout", "--quiet", "-b", "side");
    await commitFiles(repo.path, { "a.txt": "1\nside\n3\n" });
    git(repo.path, "checkout", "--quiet", "main");
    await commitFiles(repo.path, { "a.txt": "1\nmain\n3\n" }, start);
    await writeFile(join(repo.path, "a.txt"), "dirty\n");
    return repo.path;
  });

/** What export may add to a user's repository. */
const ours = (path: string): boolean =>
  /^\.git\/(?:objects\/|(?:logs\/)?refs\/heads\/headrace\/)/.test(path);

/** What a program gives plain git that runs it with the repository's configuration and an identity. */
const CARELESS = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"];

const careless = (dir: string, args: readonly string[]) =>
  spawnSync("git", [...CARELESS, ...args], {
    cwd: dir,
    timeout: 3000,
    input: "url=https://nowhere.invalid\n",
    env: { PATH: process.env.PATH, HOME: "/nonexistent", GIT_TERMINAL_PROMPT: "0" },
  });

const id = (n: number): string => `G${String(n).padStart(2, "0")}`;

const inUsersRepository = ({ n, what, files, proof, verdict = undefined }: Attack): HostileCase =>
  hostile({
    id: `${id(n)}u`,
    title: `${what} in the user's repository`,
    verdict: verdict ?? "contained",
    async build(stage) {
      const dir = await tempDir("headrace-hostile-");
      await cp(await pristine(stage), dir.path, { recursive: true });
      await arm(join(dir.path, ".git"), files(stage.tripwires.payload));
      return dir;
    },
    async run(dir, stage) {
      await using repo = dir;
      const before = await fingerprint(repo.path, ours);
      await (await stage.host()).userRepository(repo.path);
      expect(await stage.tripwires.sprung()).toEqual([]);
      expect(await fingerprint(repo.path, ours)).toEqual(before);
      if (proof !== undefined) {
        careless(repo.path, proof);
        expect(await stage.tripwires.sprung(), "the trap is no trap").not.toEqual([]);
        await stage.tripwires.reset();
      }
      return verdict ?? "contained";
    },
  });

/** A repository of the agent's own, with the same occasions, and a trap at the path that the host's has. */
const agents = ({ tripwires: { payload, marks, folder } }: Stage): string =>
  `set -e
rm -rf ${marks}; mkdir -p ${marks} ${folder}; cat > ${payload}; chmod 755 ${payload}
rm -rf .git; git init -q -b main; printf '1\\n2\\n3\\n' > a.txt; git add -A
as_agent() { git -c user.name=a -c user.email=a@b "$@"; }
as_agent commit -qm start
git checkout -q -b side; printf '1\\nside\\n3\\n' > a.txt; as_agent commit -qam side
git checkout -q main; printf '1\\nmain\\n3\\n' > a.txt; as_agent commit -qam main
echo dirty > a.txt`;

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(" ");

/** Nothing of the factory springs the trap, neither on the host nor by the supervisor; the agent's own git does. */
const inAgentsWorkspace = ({ n, what, files, proof, verdict }: Attack): HostileCase =>
  hostile({
    id: `${id(n)}a`,
    title: `${what} in the agent's workspace`,
    verdict: verdict ?? "contained",
    async build(stage) {
      const sandbox = await stage.shared();
      await sandbox.write("/tmp/trap", await readFile(stage.tripwires.payload));
      const { exitCode, output } = await sh(sandbox, `(${agents(stage)}) < /tmp/trap`);
      if (exitCode !== 0) throw new Error(`the trap could not be set: ${output}`);
      for (const [path, text] of Object.entries(files(stage.tripwires.payload))) {
        const old = path === "config" ? await sandbox.read(".git/config", 100_000) : undefined;
        const bytes = Buffer.concat([Buffer.from(old?.bytes ?? []), Buffer.from(text)]);
        await sandbox.write(`.git/${path}`, bytes);
        await sh(sandbox, `chmod 755 .git/${path}`);
      }
      await sandbox.write("work.txt", Buffer.from(`${what}\n`));
      return sandbox;
    },
    async run(sandbox, stage) {
      const { marks } = stage.tripwires;
      await handIn(stage, sandbox);
      expect(await stage.tripwires.sprung()).toEqual([]);
      expect((await sh(sandbox, `ls ${marks}`)).output, "in the sandbox").toBe("");
      if (proof !== undefined) {
        const input = "echo url=https://nowhere.invalid";
        await sh(sandbox, `${input} | git ${quoted([...CARELESS, ...proof])}`, 3000);
        expect((await sh(sandbox, `ls ${marks}`)).output, "the trap is no trap").not.toBe("");
      }
      await sh(sandbox, `rm -rf ${dirname(marks)}`);
      return verdict ?? "contained";
    },
  });

export const GIT_CONFIGURATION: readonly HostileCase[] = ATTACKS.flatMap((attack) => [
  inUsersRepository(attack),
  inAgentsWorkspace(attack),
]);
