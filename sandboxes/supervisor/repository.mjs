/**
 * The workspace as git sees it, twice: the agent's own repository in the workspace, and a private one beside the
 * supervisor that checkout and snapshot use, so that nothing the agent does to the first (configuration, hooks,
 * deleting it) changes what a snapshot holds.
 */
import { existsSync } from "node:fs";
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./helper.mjs";

const WORKSPACE = process.cwd();
const AGENT_GIT = join(WORKSPACE, ".git");
const STORE = join(import.meta.dirname, "..", "store");
const INDEX = join(STORE, "index");
const MAX_PACK_BYTES = 256 * 1024 * 1024;
const TOO_MUCH =
  "the workspace has more than 256 MB of new content: delete what is not source, or list it in .gitignore";

/** Content is kept byte for byte whatever the tree's attributes ask for, as the gates will see it. */
const RAW_CONTENT = "* -text -eol -ident -filter -working-tree-encoding\n";
/** Equal trees on equal parents give equal commits. */
const DATE = "946684800 +0000";

/** Fills the workspace; what stood in it before belongs to the environment and stays out of snapshots. */
export async function checkout({ commit, author }, pack) {
  if (existsSync(join(STORE, "HEAD"))) throw new Error("the workspace was filled before");
  await rm(AGENT_GIT, { recursive: true, force: true });
  await initialise(STORE, commit, ["--bare"]);
  await writeFile(join(STORE, "shallow"), `${commit}\n`);
  await git(["index-pack", "--stdin"], { input: pack });
  await git(["read-tree", commit]);
  await writeFile(join(STORE, "info", "exclude"), await environmentPaths());
  await git(["checkout-index", "--all", "--force", "--index"]);
  await giveToAgent(commit, author);
}

/** In one shell, because each program that is started from here costs as much as it does. Prints the commit, then the pack. */
const SNAPSHOT = `
set -e
git -c advice.addEmbeddedRepo=false -c core.excludesFile=/dev/null add --all .
tree=$(git write-tree)
commit=$(git commit-tree "$tree" -p "$1" -m snapshot)
echo "$commit"
printf -- '--shallow %s\\n%s\\n^%s\\n' "$1" "$commit" "$1" |
  git pack-objects --revs --stdout -q --delta-base-offset
`;

/** The workspace as a commit on `parent`, and a pack of what `parent` lacks. */
export async function snapshot({ parent, author }) {
  await rm(`${INDEX}.lock`, { force: true });
  const output = await run("/bin/sh", ["-c", SNAPSHOT, "sh", parent], {
    env: repositoryEnvironment(STORE, author),
    maxBytes: MAX_PACK_BYTES,
    tooMuch: TOO_MUCH,
  });
  const end = output.indexOf("\n");
  return { commit: output.toString("latin1", 0, end), body: output.subarray(end + 1) };
}

/** Patterns for what is in the workspace and not in the tree about to be checked out. */
async function environmentPaths() {
  const paths = await git(["ls-files", "-z", "--others", "--directory"]);
  return paths
    .toString()
    .split("\0")
    .filter((path) => path !== "" && !path.includes("\n"))
    .map((path) => `/${path.replace(/[\\*?[ ]/g, "\\$&")}\n`)
    .join("");
}

/** A repository with one commit and no history, whose `status` and `diff` start out clean. */
async function giveToAgent(commit, author) {
  await initialise(WORKSPACE, commit, ["--initial-branch=main"]);
  await mkdir(join(AGENT_GIT, "objects", "info"), { recursive: true });
  await writeFile(join(AGENT_GIT, "objects", "info", "alternates"), `${STORE}/objects\n`);
  await copyFile(join(STORE, "info", "exclude"), join(AGENT_GIT, "info", "exclude"));
  await copyFile(INDEX, join(AGENT_GIT, "index"));
  const own = { repository: AGENT_GIT, author };
  await git(["config", "user.name", author.name], own);
  await git(["config", "user.email", author.email], own);
  const start = await id(["commit-tree", `${commit}^{tree}`, "-m", "Start of the task"], own);
  await git(["update-ref", "refs/heads/main", start], own);
}

async function initialise(directory, commit, options) {
  const format = commit.length === 64 ? "sha256" : "sha1";
  const args = ["init", "-q", "--template=", `--object-format=${format}`, ...options, directory];
  await run("git", args, { env: gitEnvironment() });
  const info = join(options.includes("--bare") ? directory : AGENT_GIT, "info");
  await mkdir(info, { recursive: true });
  await writeFile(join(info, "attributes"), RAW_CONTENT);
}

const id = async (args, options) => (await git(args, options)).toString().trim();

function git(args, { repository = STORE, author, ...options } = {}) {
  const env = repositoryEnvironment(repository, author);
  return run("git", ["-c", "core.excludesFile=/dev/null", ...args], { ...options, env });
}

function repositoryEnvironment(repository, author) {
  return {
    ...gitEnvironment(author),
    GIT_DIR: repository,
    GIT_WORK_TREE: WORKSPACE,
    GIT_INDEX_FILE: join(repository, "index"),
  };
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
