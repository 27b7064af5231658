import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Git, gitAt } from "./git.ts";
import type { Located } from "./locate.ts";
import { type ObjectReader, openObjects } from "./object-reader.ts";

/** Settings that only say how files are stored; all others of the repository stay unread. */
const STORAGE_SETTINGS =
  "^core\\.(filemode|autocrlf|eol|symlinks|ignorecase|trustctime|checkstat|precomposeunicode|sharedrepository)$";

type Setting = readonly [key: string, value: string];

/** Key and value of every setting whose name matches; no program is named by looking one up. */
const settingsLike = async (git: Git, pattern: string): Promise<Setting[]> => {
  const { stdout } = await git.run(["config", "-z", "--get-regexp", pattern], { ok: [0, 1] });
  return stdout
    .toString("utf8")
    .split("\0")
    .filter(Boolean)
    .map((line) => {
      const end = line.indexOf("\n");
      return end === -1 ? [line, "true"] : [line.slice(0, end), line.slice(end + 1)];
    });
};

/** Settings that switch off hooks that are configured by name (newer git), which `core.hooksPath` does not reach. */
export const hooksOff = async (git: Git): Promise<Setting[]> => {
  const hooks = await settingsLike(git, "^hook\\..*\\.(command|event)$");
  const names = new Set(hooks.map(([key]) => key.slice("hook.".length, key.lastIndexOf("."))));
  return [...names].map((name) => [`hook.${name}.enabled`, "false"] as const);
};

/**
 * A git directory of our own over the repository's objects, so that nothing it configures can act: its
 * configuration, hooks, attributes in `info/`, grafts and replacements are simply not there.
 */
export type View = AsyncDisposable & { git: Git; objects: ObjectReader };

/** What a view takes over from the repository: nothing but how it stores objects and files. */
export type Storage = { format: string; settings: readonly Setting[] };

export const storageOf = async (real: Git): Promise<Storage> => {
  const [format, settings] = await Promise.all([
    real.text(["rev-parse", "--show-object-format"]),
    settingsLike(real, STORAGE_SETTINGS),
  ]);
  return { format: format.trim(), settings };
};

export const openView = async (
  at: Located,
  { format, settings }: Storage,
  { head, scratch = tmpdir() }: { head?: string | undefined; scratch?: string | undefined },
): Promise<View> => {
  const dir = await mkdtemp(join(scratch, "headrace-view-"));
  const close = () => rm(dir, { recursive: true, force: true });
  try {
    await mkdir(join(dir, "refs"));
    await writeFile(join(dir, "HEAD"), head === undefined ? "ref: refs/heads/none\n" : `${head}\n`);
    await writeFile(
      join(dir, "config"),
      `[core]\n\trepositoryformatversion = 1\n\tbare = false\n[extensions]\n\tobjectFormat = ${format}\n`,
    );
    // an index may keep most of itself in a second file beside it
    for (const name of await readdir(at.gitDir))
      if (name.startsWith("sharedindex.")) await symlink(join(at.gitDir, name), join(dir, name));
  } catch (error) {
    await close();
    throw error;
  }
  const git = gitAt({
    gitDir: dir,
    workTree: at.workTree ?? dir,
    config: settings,
    env: {
      GIT_OBJECT_DIRECTORY: join(at.commonDir, "objects"),
      GIT_INDEX_FILE: join(at.gitDir, "index"),
    },
  });
  const objects = openObjects(git);
  return {
    git,
    objects,
    async [Symbol.asyncDispose]() {
      objects[Symbol.dispose]();
      await close();
    },
  };
};
