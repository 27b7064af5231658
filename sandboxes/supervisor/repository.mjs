/**
 * The workspace as git sees it, twice: the agent's own repository in the workspace, and a private one beside the
 * supervisor that checkout and snapshot use, so that nothing the agent does to the first (configuration, hooks,
 * deleting it) changes what a snapshot holds.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./helper.mjs";

const WORKSPACE = process.cwd();
const AGENT_GIT = join(WORKSPACE, ".git");
const STORE = join(import.meta.dirname, "..", "store");
const MAX_PACK_BYTES = 256 * 1024 * 1024;
const TOO_MUCH =
  "the workspace has more than 256 MB of new content: delete what is not source, or list it in .gitignore";

/** Content is kept byte for byte whatever the tree's attributes ask for, as the gates will see it. */
const RAW_CONTENT = "* -text -eol -ident -filter -working-tree-encoding\n";
/** Equal trees on equal parents give equal commits. */
const DATE = "946684800 +0000";

/** Takes the pack in and prints what stands in the workspace and not in the commit's tree. */
const RECEIVE = `
git init -q --bare --template= --object-format="$2" "$store"
stored index-pack --stdin >/dev/null
stored read-tree "$1"
stored ls-files -z --others --directory
`;

/** Writes the tree, and over it a repository with one commit, whose `status` and `diff` start out clean. */
const HAND_OVER = `
agents() { git --git-dir=.git --work-tree=. "$@"; }
stored checkout-index --all --force --index
git init -q --template= --object-format="$2" --initial-branch=main .
cp "$store/info/exclude" "$store/info/attributes" .git/info/
cp "$store/index" .git/index
echo "$store/objects" > .git/objects/info/alternates
agents config user.name "$GIT_AUTHOR_NAME"
agents config user.email "$GIT_AUTHOR_EMAIL"
start=$(agents commit-tree "$1^{tree}" -m 'Start of the task')
agents update-ref refs/heads/main "$start"
`;

/** Prints which files of these names, but for ignored ones, name an address of the loopback interface. */
const LOOPED = `
stored -c grep.threads=1 grep --untracked --name-only -z -F -e 127.0.0.1 -- "$@" || test $? = 1
`;

/** Prints the commit's id on a line, then the pack. */
const SNAPSHOT = `
stored -c advice.addEmbeddedRepo=false add --all .
tree=$(stored write-tree)
commit=$(stored commit-tree "$tree" -p "$1" -m snapshot)
echo "$commit"
printf -- '--shallow %s\\n%s\\n^%s\\n' "$1" "$commit" "$1" |
  stored pack-objects --revs --stdout -q --delta-base-offset
`;

/** Fills the workspace; what stood in it before belongs to the environment and stays out of snapshots. */
export async function checkout({ commit, author }, pack) {
  if (existsSync(join(STORE, "HEAD"))) throw new Error("the workspace was filled before");
  await rm(AGENT_GIT, { recursive: true, force: true });
  await mkdir(join(STORE, "info"), { recursive: true });
  await writeFile(join(STORE, "info", "attributes"), RAW_CONTENT);
  await writeFile(join(STORE, "shallow"), `${commit}\n`);
  const args = [commit, commit.length === 64 ? "sha256" : "sha1"];
  const environments = await script(RECEIVE, args, { input: pack });
  await writeFile(join(STORE, "info", "exclude"), patternsOf(environments));
  await mkdir(join(AGENT_GIT, "info"), { recursive: true });
  await mkdir(join(AGENT_GIT, "objects", "info"), { recursive: true });
  await script(HAND_OVER, args, { author });
}

/**
 * The workspace as a commit on `parent`, and a pack of what `parent` lacks. Before that, what package managers wrote
 * of the proxy is turned back to what it stands for, in the workspace itself: so the agent sees what is kept.
 */
export async function snapshot({ parent, author, restoring }) {
  await rm(join(STORE, "index.lock"), { force: true });
  for (const { globs, rules } of restoring) await restoreAddresses(globs, rules);
  const limit = { maxBytes: MAX_PACK_BYTES, tooMuch: TOO_MUCH };
  const output = await script(SNAPSHOT, [parent], { author, ...limit });
  const end = output.indexOf("\n");
  return { commit: output.toString("latin1", 0, end), body: output.subarray(end + 1) };
}

async function restoreAddresses(globs, rules) {
  const pathspecs = globs.map((glob) => `:(glob)${glob}`);
  const found = (await script(LOOPED, pathspecs)).toString("latin1").split("\0");
  for (const name of found.slice(0, -1)) {
    const path = Buffer.from(name, "latin1");
    const before = await readFile(path, "latin1");
    const after = rules.reduce(
      (text, [source, replacement]) => text.replace(new RegExp(source, "g"), () => replacement),
      before,
    );
    if (after !== before) await writeFile(path, after, "latin1");
  }
}

/** Patterns for exactly these paths, which end in NUL. */
function patternsOf(paths) {
  return paths
    .toString()
    .split("\0")
    .filter((path) => path !== "" && !path.includes("\n"))
    .map((path) => `/${path.replace(/[\\*?[ ]/g, "\\$&")}\n`)
    .join("");
}

/**
 * One shell for several commands of git, because each program that is started from here costs as much as it does.
 * `stored` is git on the private repository and the workspace.
 */
function script(text, args, { author, ...options } = {}) {
  const start = `set -e
store=$0
stored() { git --git-dir="$store" --work-tree=. -c core.excludesFile=/dev/null "$@"; }`;
  return run("/bin/sh", ["-c", `${start}\n${text}`, STORE, ...args], {
    ...options,
    env: gitEnvironment(author),
  });
}

function gitEnvironment(author) {
  const base = {
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
  };
  if (author === undefined) return base;
  const who = (role) => ({
    [`GIT_${role}_NAME`]: author.name,
    [`GIT_${role}_EMAIL`]: author.email,
    [`GIT_${role}_DATE`]: DATE,
  });
  return { ...base, ...who("AUTHOR"), ...who("COMMITTER") };
}
