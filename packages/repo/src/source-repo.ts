import { readdir } from "node:fs/promises";
import { basename } from "node:path";
import { branchRef, PRODUCT, type SourceRepo, type SourceState, UserError } from "@headrace/domain";
import { exportTo } from "./export.ts";
import { type Git, GitError, gitAt } from "./git.ts";
import { type Located, locate, operationIn, remedyOr } from "./locate.ts";
import { listTree, packOf, readFileAt, readFilesAt } from "./objects.ts";
import { readRefOf } from "./refs.ts";
import { hooksOff, openView, type Storage, storageOf, type View } from "./view.ts";

/**
 * Opens the user's repository that holds `path`, in whatever state it is. Refs are read and moved in the repository
 * itself; objects only through a view that has none of its configuration. Throws `UserError`.
 */
export const openSourceRepo = async (options: {
  path: string;
  /** where views are made, by who clears it of those that it was killed in; if absent, the system's temporary folder */
  scratch?: string;
  /** what a person can do where there is no repository, or none to start from, besides making one */
  instead?: string;
}): Promise<SourceRepo> => {
  const { instead } = options;
  const at = await locate(options.path, instead);
  const real = await openReal(at);
  let storage: Promise<Storage> | undefined;
  const view = async (head?: string): Promise<View> => {
    storage ??= storageOf(real);
    return openView(at, await storage, { head, scratch: options.scratch });
  };
  const viewed = async <T>(work: (view: View) => Promise<T>, head?: string): Promise<T> => {
    await using opened = await view(head);
    return await work(opened);
  };
  return {
    inspect: () => inspect(at, real, { viewed, instead }),
    resolve: (revision) => resolveIn(at, real, revision),
    list: (commit) =>
      complete(
        at,
        commit,
        viewed(({ objects }) => listTree(objects, commit)),
      ),
    read: (commit, path) =>
      complete(
        at,
        commit,
        viewed(({ objects }) => readFileAt(objects, commit, path)),
      ),
    async *files(commit, maxBytes) {
      await using opened = await view();
      // blobs that a partial clone lacks fail at the first batch
      const files = readFilesAt(opened.objects, commit, maxBytes);
      for (;;) {
        const next = await complete(at, commit, files.next());
        if (next.done) return;
        yield next.value;
      }
    },
    pack: (commit) =>
      complete(
        at,
        commit,
        viewed(({ git }) => packOf(git, [commit], { shallow: [commit] })),
      ),
    readRef: (ref) => readRefOf(real, ref),
    export: (pack, refs) =>
      viewed(({ git }) => exportTo({ view: git, real, pack, refs, dir: at.commonDir })),
  };
};

const placeOf = ({ gitDir, workTree }: Located) => ({
  gitDir,
  ...(workTree === undefined ? {} : { workTree }),
});

const openReal = async (at: Located): Promise<Git> => {
  try {
    return gitAt({ ...placeOf(at), config: await hooksOff(gitAt(placeOf(at))) });
  } catch (cause) {
    if (!(cause instanceof GitError)) throw cause;
    throw new UserError(
      `git cannot read ${at.path}: ${cause.stderr.trim()}`,
      `See what "git -C ${at.path} status" says.`,
      { cause },
    );
  }
};

const resolveIn = async (at: Located, real: Git, revision: string): Promise<string> => {
  const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`];
  const { code, stdout } = await real.run(args, { ok: [0, 1, 128] });
  if (code === 0) return stdout.toString("utf8").trim();
  throw new UserError(
    `${at.path} has no commit ${JSON.stringify(revision)}`,
    "Name a branch, tag or commit that is there.",
  );
};

type Viewed = <T>(work: (view: View) => Promise<T>, head?: string) => Promise<T>;

const inspect = async (
  at: Located,
  real: Git,
  { viewed, instead }: { viewed: Viewed; instead: string | undefined },
): Promise<SourceState> => {
  const head = await headOf(at, real, instead);
  if ((await readRefOf(real, branchRef(PRODUCT))) !== undefined)
    throw new UserError(
      `${at.path} has a branch named "${PRODUCT}", so branches "${PRODUCT}/..." cannot be made`,
      `Rename it: git -C ${at.path} branch -m ${PRODUCT} another-name`,
    );
  const branch = await real.run(["symbolic-ref", "--quiet", "--short", "HEAD"], { ok: [0, 1] });
  const operation = await operationIn(at.gitDir);
  return {
    path: at.path,
    name: basename(at.path).replace(/\.git$/, "") || "repository",
    bare: at.workTree === undefined,
    head,
    ...(branch.code === 0 ? { branch: branch.stdout.toString("utf8").trim() } : {}),
    shallow: (await readdir(at.commonDir)).includes("shallow"),
    dirty: at.workTree !== undefined && (await viewed(({ git }) => isDirty(git), head)),
    ...(operation === undefined ? {} : { operation }),
  };
};

const headOf = async (at: Located, real: Git, instead: string | undefined): Promise<string> => {
  const args = ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"];
  const { code, stdout } = await real.run(args, { ok: [0, 1, 128] });
  if (code === 0) return stdout.toString("utf8").trim();
  throw new UserError(
    `${at.path} has no commit to start from`,
    remedyOr("Commit something", instead),
  );
};

/**
 * Whether tracked files differ from HEAD. Files that look changed are compared by content, but through none of the
 * repository's filters and not inside submodules, where git would run programs: a filtered file may count as dirty.
 */
const isDirty = async (view: Git): Promise<boolean> => {
  const args = ["status", "--porcelain", "-z", "--untracked-files=no", "--no-renames"];
  try {
    const { stdout } = await view.run([...args, "--ignore-submodules=all"]);
    return stdout.length > 0;
  } catch (error) {
    // an index only its own configuration makes readable: nothing shows that it is clean
    if (error instanceof GitError) return true;
    throw error;
  }
};

/** Objects a commit needs may be absent: a partial clone fetches them lazily, which is switched off here. */
const complete = async <T>(at: Located, commit: string, work: Promise<T>): Promise<T> => {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof GitError)) throw cause;
    throw new UserError(
      `${at.path} does not hold all files of ${commit}: ${cause.stderr.trim().split("\n").at(-1)}`,
      `In a partial clone, download them first: git -C ${at.path} archive ${commit} > /dev/null`,
      { cause },
    );
  }
};
