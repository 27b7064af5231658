import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commitFiles, git } from "./git.ts";

const HOOKS = [
  "applypatch-msg",
  "commit-msg",
  "fsmonitor-watchman",
  "post-applypatch",
  "post-checkout",
  "post-commit",
  "post-index-change",
  "post-merge",
  "post-receive",
  "post-rewrite",
  "post-update",
  "pre-applypatch",
  "pre-auto-gc",
  "pre-commit",
  "pre-merge-commit",
  "pre-push",
  "pre-rebase",
  "pre-receive",
  "prepare-commit-msg",
  "proc-receive",
  "push-to-checkout",
  "reference-transaction",
  "sendemail-validate",
  "update",
];

/** Every setting known to make git start a program, or to point it somewhere else. */
const settings = (trap: (name: string) => string, scratch: string): string => `
[core]
  fsmonitor = ${trap("fsmonitor")}
  hooksPath = ${scratch}/hooks
  pager = ${trap("pager")}
  editor = ${trap("editor")}
  askPass = ${trap("askpass")}
  sshCommand = ${trap("ssh")}
  gitProxy = ${trap("gitproxy")}
  alternateRefsCommand = ${trap("alternate-refs")}
  attributesFile = ${scratch}/attributes
  worktree = ${scratch}
[alias]
  status = !${trap("alias")}
  rev-parse = !${trap("alias")}
[credential]
  helper = !${trap("credential")}
[commit]
  gpgSign = true
[tag]
  gpgSign = true
[log]
  showSignature = true
[gpg]
  program = ${trap("gpg")}
[gpg "ssh"]
  program = ${trap("gpg-ssh")}
[filter "evil"]
  clean = ${trap("clean")}
  smudge = ${trap("smudge")}
  required = true
[filter "evilproc"]
  process = ${trap("process")}
[diff]
  external = ${trap("external-diff")}
[diff "evil"]
  textconv = ${trap("textconv")}
  command = ${trap("diff-command")}
[merge "evil"]
  driver = ${trap("merge-driver")} %O %A %B
[merge]
  tool = evil
[mergetool "evil"]
  cmd = ${trap("mergetool")}
[interactive]
  diffFilter = ${trap("diff-filter")}
[sequence]
  editor = ${trap("sequence-editor")}
[pager]
  log = ${trap("pager-log")}
  diff-tree = ${trap("pager-diff")}
[uploadpack]
  packObjectsHook = ${trap("pack-objects-hook")}
[protocol]
  allow = always
[protocol "ext"]
  allow = always
[url "ext::${trap("ext")} "]
  insteadOf = evil:
[remote "origin"]
  url = ext::${trap("ext")}
  uploadpack = ${trap("uploadpack")}
  receivepack = ${trap("receivepack")}
  promisor = true
  vcs = evil
[extensions]
  partialClone = origin
[trace2]
  eventTarget = ${scratch}/trace
[hook "evil"]
  command = ${trap("config-hook")}
  event = reference-transaction
  event = pre-commit
[submodule]
  recurse = true
[submodule "sub"]
  update = !${trap("submodule-update")}
  url = ext::${trap("ext")}
  active = true
[include]
  path = ${scratch}/included
[includeIf "gitdir:/**"]
  path = ${scratch}/included
[maintenance]
  auto = true
[gc]
  auto = 1
`;

const ATTRIBUTES = `*.txt filter=evil diff=evil merge=evil
*.bin filter=evilproc diff=evil merge=evil
`;

export type HostileRepo = {
  /** names of the traps that were sprung since the last call */
  sprung: () => Promise<string[]>;
  /** a commit that conflicts with HEAD, on branch `side` */
  side: string;
};

/**
 * Turns a fresh repository into one whose configuration, hooks, attributes and index would start a program at every
 * chance git gives; each leaves its name in `scratch/sprung`. The work tree is dirty, so filters have work.
 */
export const armRepo = async (dir: string, scratch: string): Promise<HostileRepo> => {
  const start = await commitFiles(dir, { "a.txt": "1\n2\n3\n", "b.bin": "b\n", "gone.txt": "g\n" });
  git(dir, "checkout", "--quiet", "-b", "side");
  const side = await commitFiles(dir, { "a.txt": "1\nside\n3\n" });
  git(dir, "checkout", "--quiet", "main");
  await commitFiles(dir, { "a.txt": "1\nmain\n3\n", ".gitattributes": ATTRIBUTES }, start);
  await mkdir(join(scratch, "sprung"));
  await mkdir(join(scratch, "hooks"));
  const script = join(scratch, "trap");
  await writeFile(
    script,
    `#!/bin/sh\n: > "${scratch}/sprung/$1"\n[ "$1" = process ] && exit 1\ncat 2>/dev/null\nexit 0\n`,
  );
  await chmod(script, 0o755);
  for (const hooks of [join(dir, ".git/hooks"), join(scratch, "hooks")])
    for (const name of HOOKS) {
      await mkdir(hooks, { recursive: true });
      await writeFile(join(hooks, name), `#!/bin/sh\nexec ${script} hook-${name}\n`);
      await chmod(join(hooks, name), 0o755);
    }
  await writeFile(join(scratch, "attributes"), ATTRIBUTES);
  await writeFile(join(dir, ".git/info/attributes"), ATTRIBUTES);
  await writeFile(join(scratch, "included"), `[core]\n\tfsmonitor = ${script} included\n`);
  const config = join(dir, ".git/config");
  const old = await readFile(config, "utf8");
  await writeFile(config, `${old}${settings((name) => `${script} ${name}`, scratch)}`);
  for (const name of ["a.txt", "b.bin"]) await writeFile(join(dir, name), "changed\n");
  return {
    side,
    sprung: () => readdir(join(scratch, "sprung")),
  };
};
