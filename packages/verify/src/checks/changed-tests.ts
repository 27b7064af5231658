import { globMatcher, type TreeEntry } from "@headrace/domain";
import { classOf } from "../tamper/classes.ts";
import { collectedBy } from "../tamper/languages.ts";
import { isSnapshot } from "../tamper/sweeps.ts";

/** A path at which two trees differ; absent where there is nothing. */
export type Changed = { path: string; before?: TreeEntry; after?: TreeEntry };

/** Where a change differs from its base, in order of path. */
export const changedFiles = (
  base: readonly TreeEntry[],
  change: readonly TreeEntry[],
): Changed[] => {
  const [before, after] = [byPath(base), byPath(change)];
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((path): Changed[] => {
    const [was, is] = [before.get(path), after.get(path)];
    if (was?.object === is?.object && was?.mode === is?.mode) return [];
    return [{ path, ...(was && { before: was }), ...(is && { after: is }) }];
  });
};

const byPath = (entries: readonly TreeEntry[]): Map<string, TreeEntry> =>
  new Map(entries.map((entry) => [entry.path, entry]));

/**
 * By its path alone: text that only reads like a test may be product code, which must not be exchanged between two trees
 * as tests are.
 */
const isTest = ({ path }: Changed): boolean => classOf(path) === "test";

/**
 * Paths at which the change gets back what the base has, so that the base's own tests run over it and no others: test
 * files that were changed or removed, and with them those that are new to a runner, because they may need the changed
 * ones. What stays as the change has it: files that a `path:` permit opens, those that only moved, and recorded outputs,
 * which whoever changes what is printed records anew. Empty where the base's tests are all in the change.
 */
export const toRestore = (changed: readonly Changed[], permits: readonly string[]): string[] => {
  const opened = globMatcher(permits.flatMap((p) => (p.startsWith("path:") ? [p.slice(5)] : [])));
  const tests = changed.filter((one) => isTest(one) && !isSnapshot(one.path) && !opened(one.path));
  const added = tests.filter(({ before }) => before === undefined);
  const arrived = new Set(added.map(({ after }) => after?.object));
  const removed = tests.filter(({ after }) => after === undefined);
  const moved = new Set(removed.map(({ before }) => before?.object).filter((o) => arrived.has(o)));
  const lost = tests.filter(
    ({ before, after }) =>
      before !== undefined && !(after === undefined && moved.has(before.object)),
  );
  if (lost.length === 0) return [];
  const fresh = added.filter(
    ({ path, after }) => collectedBy(path) !== undefined && !moved.has(after?.object),
  );
  return [...lost, ...fresh].map(({ path }) => path);
};

/** Test files that the change brings or changes. */
export const freshTests = (changed: readonly Changed[]): string[] =>
  changed.filter((one) => one.after !== undefined && isTest(one)).map(({ path }) => path);
