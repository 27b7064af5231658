import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const IDENTITY = {
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.com",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.com",
};

/** Only git's own defaults: neither this machine's nor this person's configuration decides a test. */
const ENV = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_COUNT: "1",
  GIT_CONFIG_KEY_0: "safe.directory",
  GIT_CONFIG_VALUE_0: "*",
  LC_ALL: "C",
};

/** Runs git in `dir` as a person called Ada would; throws with its stderr when it fails. */
export const gitBytes = (dir: string, args: readonly string[], input?: Uint8Array | string) => {
  const done = spawnSync("git", args, {
    cwd: dir,
    env: { ...process.env, ...IDENTITY, ...ENV },
    maxBuffer: 1 << 28,
    ...(input === undefined ? {} : { input }),
  });
  if (done.status !== 0) throw new Error(`git ${args.join(" ")}: ${done.stderr}`);
  return done.stdout;
};

/** `gitBytes` as text without the last newline. */
export const git = (dir: string, ...args: string[]): string =>
  gitBytes(dir, args).toString("utf8").replace(/\n$/, "");

export type TempDir = AsyncDisposable & { path: string };

/** A directory that is removed with its content. */
export const tempDir = async (prefix = "headrace-test-"): Promise<TempDir> => {
  const path = await mkdtemp(join(tmpdir(), prefix));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
};

/** An empty repository on branch `main`, removed with its content. */
export const tempRepo = async (...init: string[]): Promise<TempDir> => {
  const dir = await tempDir("headrace-repo-");
  git(dir.path, "init", "--quiet", "--initial-branch=main", ...init);
  return dir;
};

/** A file's text, a link, an executable, or `null` to remove it. */
export type FileChange = string | Uint8Array | { link: string } | { run: string } | null;

const applyChange = async (path: string, change: FileChange) => {
  await rm(path, { recursive: true, force: true });
  if (change === null) return;
  await mkdir(dirname(path), { recursive: true });
  if (typeof change === "string" || change instanceof Uint8Array) await writeFile(path, change);
  else if ("link" in change) await symlink(change.link, path);
  else {
    await writeFile(path, change.run);
    await chmod(path, 0o755);
  }
};

/** Writes the files and commits everything; returns the commit. */
export const commitFiles = async (
  dir: string,
  files: Readonly<Record<string, FileChange>>,
  message = "change",
): Promise<string> => {
  for (const [path, change] of Object.entries(files)) await applyChange(join(dir, path), change);
  git(dir, "add", "--all");
  git(dir, "commit", "--quiet", "--allow-empty", "--message", message);
  return git(dir, "rev-parse", "HEAD");
};

/** A pack of what `commits` reach (`^commit` leaves out), made by git itself; extra lines go to `--revs`. */
export const packFrom = (dir: string, ...lines: string[]): Uint8Array =>
  gitBytes(dir, ["pack-objects", "--revs", "--stdout", "-q"], `${lines.join("\n")}\n`);
