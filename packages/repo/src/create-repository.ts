import { mkdir, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { UserError } from "@headrace/domain";
import { isMissing } from "./durable.ts";
import { gitAt } from "./git.ts";
import { personalIdentity } from "./identity.ts";

/**
 * Makes a repository on branch `main` with one empty commit, which a run can start from. The directory must be absent
 * or empty; otherwise throws `UserError`. Returns its absolute path.
 */
export const createRepository = async (dir: string): Promise<string> => {
  const path = resolve(dir);
  const made = await requireEmpty(path);
  try {
    await mkdir(path, { recursive: true });
    const place = { gitDir: join(path, ".git"), workTree: path };
    await gitAt(place).text(["init", "--quiet", "--template=", "--initial-branch=main"]);
    const git = gitAt({ ...place, env: await personalIdentity(place) });
    const hash = await git.run(["hash-object", "-t", "tree", "-w", "--stdin"]);
    const tree = hash.stdout.toString("utf8").trim();
    const { stdout } = await git.run(["commit-tree", tree, "-m", "Empty start"]);
    await git.run(["update-ref", "-m", "initial", "HEAD", stdout.toString("utf8").trim()]);
    return path;
  } catch (error) {
    await rm(made ? path : join(path, ".git"), { recursive: true, force: true });
    throw error;
  }
};

/** Whether the directory is yet to be made. */
const requireEmpty = async (path: string): Promise<boolean> => {
  try {
    if ((await readdir(path)).length === 0) return false;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return true;
    const reason = isMissing(cause) ? "is not a directory" : "cannot be read";
    throw new UserError(`${path} ${reason}`, "Name a new directory.", { cause });
  }
  throw new UserError(
    `${path} is not empty`,
    "Name a new or empty directory, or use --repo for a repository that exists.",
  );
};
