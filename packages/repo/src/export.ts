import { join } from "node:path";
import {
  branchRef,
  type ExportAnswer,
  InfrastructureError,
  PRODUCT,
  type RefExport,
} from "@headrace/domain";
import { isMissing, sync, syncLooseObjects, syncUpTo } from "./durable.ts";
import { type Git, GitError } from "./git.ts";
import { PACK_TIMEOUT_MS, packCount } from "./objects.ts";
import { moveRefBy, readRefOf } from "./refs.ts";
import { worktreesOf } from "./worktrees.ts";

/** As `git fetch` does: few objects are written one by one, so that many exports do not pile up packs. */
const UNPACK_LIMIT = 100;

/** Objects enter through the view, refs move in the repository itself; nothing else of it changes. */
export const exportTo = async (job: {
  view: Git;
  real: Git;
  pack: Uint8Array;
  refs: readonly RefExport[];
  /** where the repository keeps objects and refs */
  dir: string;
}): Promise<ExportAnswer[]> => {
  const { view, real, pack, refs, dir } = job;
  for (const { ref } of refs)
    if (!ref.startsWith(`${branchRef(PRODUCT)}/`))
      throw new Error(`only branches under ${PRODUCT}/ are exported, not ${ref}`);
  try {
    await bringIn(view, pack, join(dir, "objects"));
    await checkComplete(real, refs);
    const answers: ExportAnswer[] = [];
    for (const move of refs) {
      answers.push(await exportRef(real, move));
      await syncRef(dir, move.ref);
    }
    return answers;
  } catch (error) {
    if (!(error instanceof GitError || error instanceof InfrastructureError)) throw error;
    return refs.map(({ ref }) => ({ ref, ok: false, reason: error.message }));
  }
};

const bringIn = async (view: Git, pack: Uint8Array, objects: string): Promise<void> => {
  const since = Date.now();
  const count = packCount(pack);
  if (count === 0) return;
  const few = count !== undefined && count < UNPACK_LIMIT;
  await view.run(few ? ["unpack-objects", "-q"] : ["index-pack", "--stdin"], {
    stdin: pack,
    timeoutMs: PACK_TIMEOUT_MS,
  });
  await syncLooseObjects(objects, since);
  await sync(join(objects, "pack"));
};

/** Where refs are files, the folders that name one are flushed; other stores flush for themselves. */
const syncRef = async (dir: string, ref: string): Promise<void> => {
  try {
    await syncUpTo(join(dir, ref), dir);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
};

/** A ref must never point to a commit whose history the repository cannot show. */
const checkComplete = async (real: Git, refs: readonly RefExport[]): Promise<void> => {
  const commits = [...new Set(refs.map(({ to }) => to))];
  await real.run(["rev-list", "--objects", "--quiet", ...commits, "--not", "--all"], {
    timeoutMs: PACK_TIMEOUT_MS,
  });
};

const exportRef = async (real: Git, { ref, to, expected }: RefExport): Promise<ExportAnswer> => {
  const no = (reason: string): ExportAnswer => ({ ref, ok: false, reason });
  const actual = await readRefOf(real, ref);
  if (actual === to) return { ref, ok: true };
  if (actual !== expected) return no(movedReason(actual, expected));
  const checkedOut = (await worktreesOf(real)).find((tree) => tree.ref === ref);
  if (checkedOut !== undefined)
    return no(`it is checked out in ${checkedOut.path}: switch to another branch there`);
  try {
    const zero = "0".repeat(to.length);
    await moveRefBy(real, { ref, to, expected: expected ?? zero, message: `${PRODUCT}: export` });
    return { ref, ok: true };
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const now = await readRefOf(real, ref);
    return no(now === expected ? error.message : movedReason(now, expected));
  }
};

const movedReason = (actual: string | undefined, expected: string | undefined): string => {
  if (actual === undefined) return "it was deleted";
  const place = actual.slice(0, 12);
  return expected === undefined ? `it already exists at ${place}` : `it was moved to ${place}`;
};
