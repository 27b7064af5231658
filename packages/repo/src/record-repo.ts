import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "@headrace/domain";
import { GitError, gitAt } from "./git.ts";
import { openObjects } from "./object-reader.ts";
import { hasCommit, readCommits } from "./objects.ts";
import { readShallow } from "./quarantine.ts";
import { readRefOf } from "./refs.ts";

/** A factory's repository as a record: read beside its writer or without one, in a copy too, and never written. */
export type RecordRepo = Disposable & {
  readRef(ref: string): Promise<string | undefined>;
  /** Undefined where there is no such commit; a boundary has no parents here. */
  commit(id: string): Promise<{ tree: string; parents: string[]; message: string } | undefined>;
  /** What git finds wrong with the objects: contents that are not what their names say, or missing ones. */
  problems(): Promise<string[]>;
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
    async bundle(ref) {
      const args = ["bundle", "create", "--quiet", "-", ref];
      const { stdout } = await git.run(args, {
        maxBytes: MAX_BUNDLE_BYTES,
        timeoutMs: FSCK_TIMEOUT_MS,
      });
      return { bundle: stdout, shallow: await readShallow(gitDir) };
    },
    [Symbol.dispose]: () => objects[Symbol.dispose](),
  };
};
