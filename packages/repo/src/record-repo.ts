import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InfrastructureError, ObjectId, UserError } from "@headrace/domain";
import { GitError, gitAt } from "./git.ts";
import { openObjects } from "./object-reader.ts";
import { hasCommit, packOf, readCommits } from "./objects.ts";
import { readShallow } from "./quarantine.ts";
import { moveRefBy, readRefOf } from "./refs.ts";

/** A factory's repository as a record: read beside its writer or without one, in a copy too, and never written. */
export type RecordRepo = Disposable & {
  readRef(ref: string): Promise<string | undefined>;
  /** Undefined where there is no such commit; a boundary has no parents here. */
  commit(id: string): Promise<{ tree: string; parents: string[]; message: string } | undefined>;
  /** What git finds wrong with the objects: contents that are not what their names say, or missing ones. */
  problems(): Promise<string[]>;
  /** A pack of one commit without its history. Throws `InfrastructureError` where objects of it are damaged or missing. */
  pack(commit: string): Promise<Uint8Array>;
  /** A bundle of the ref and all it reaches, and the boundary that whoever takes it in must know. */
  bundle(ref: string): Promise<{ bundle: Uint8Array; shallow: string[] }>;
};

const FSCK_TIMEOUT_MS = 600_000;
const MAX_BUNDLE_BYTES = 2 * 1024 * 1024 * 1024 - 1;
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Throws `UserError` where there is none. */
export const openRecordRepo = (gitDir: string): RecordRepo => {
  if (!existsSync(join(gitDir, "HEAD")))
    throw new UserError(
      `there is no repository at ${gitDir}`,
      "The data directory must be whole: its store and its `repos` folder belong together.",
    );
  const git = gitAt({ gitDir });
  // deltas are looked for in one order, so that equal histories give equal bytes
  const single = gitAt({ gitDir, config: [["pack.threads", "1"]] });
  const objects = openObjects(git);
  return {
    readRef: (ref) => readRefOf(git, ref),
    async commit(id) {
      if (!(await hasCommit(objects, id))) return undefined;
      const [read] = await readCommits(objects, [id]);
      const [text] = await objects.contents([id], "commit", MAX_MESSAGE_BYTES);
      if (read === undefined || text === undefined) return undefined;
      const boundary = (await readShallow(gitDir)).includes(id);
      const message = text.toString("utf8", text.indexOf("\n\n") + 2);
      return { tree: read.tree, parents: boundary ? [] : read.parents, message };
    },
    async problems() {
      try {
        const args = ["fsck", "--full", "--no-dangling", "--no-progress"];
        await git.run(args, { timeoutMs: FSCK_TIMEOUT_MS });
        return [];
      } catch (error) {
        if (!(error instanceof GitError)) throw error;
        return error.stderr.split("\n").filter(Boolean);
      }
    },
    async pack(commit) {
      try {
        return await packOf(git, [ObjectId.parse(commit)], { shallow: [commit] });
      } catch (cause) {
        if (!(cause instanceof GitError)) throw cause;
        throw new InfrastructureError(`${commit} cannot be read: ${cause.stderr.trim()}`, {
          cause,
        });
      }
    },
    async bundle(ref) {
      const { stdout } = await single.run(["bundle", "create", "--quiet", "-", ref], {
        maxBytes: MAX_BUNDLE_BYTES,
        timeoutMs: FSCK_TIMEOUT_MS,
      });
      return { bundle: stdout, shallow: await readShallow(gitDir) };
    },
    [Symbol.dispose]: () => objects[Symbol.dispose](),
  };
};

/** A bundle as `RecordRepo.bundle` gave it, as a repository that is removed when it is closed. */
export const openBundle = async (given: {
  bundle: Uint8Array;
  shallow: readonly string[];
}): Promise<RecordRepo & AsyncDisposable> => {
  const gitDir = await mkdtemp(join(tmpdir(), "headrace-bundle-"));
  const remove = () => rm(gitDir, { recursive: true, force: true });
  try {
    await unbundle(gitDir, given);
    const repo = openRecordRepo(gitDir);
    const close = () => {
      repo[Symbol.dispose]();
      return remove();
    };
    return { ...repo, [Symbol.asyncDispose]: close };
  } catch (error) {
    await remove();
    throw error;
  }
};

/** The boundary first, without which history is incomplete; then objects, then the refs the bundle names. */
const unbundle = async (
  gitDir: string,
  { bundle, shallow }: { bundle: Uint8Array; shallow: readonly string[] },
): Promise<void> => {
  const git = gitAt({ gitDir });
  const format = `--object-format=${shallow[0]?.length === 64 ? "sha256" : "sha1"}`;
  await git.text(["init", "--quiet", "--bare", "--template=", "--initial-branch=none", format]);
  if (shallow.length > 0)
    await writeFile(
      join(gitDir, "shallow"),
      shallow.map((commit) => `${ObjectId.parse(commit)}\n`).join(""),
    );
  const file = join(gitDir, "bundle");
  await writeFile(file, bundle);
  const told = await git.text(["bundle", "unbundle", file], { timeoutMs: FSCK_TIMEOUT_MS });
  for (const line of told.split("\n").filter(Boolean)) {
    const [to = "", ref = ""] = line.split(" ");
    await moveRefBy(git, { ref, to, expected: "0".repeat(to.length) });
  }
};
