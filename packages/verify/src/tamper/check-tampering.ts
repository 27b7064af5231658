import { type Gate, isLockfile } from "@headrace/domain";
import { changedGateScripts, gateScope } from "../gate-scripts.ts";
import { closedPaths, isImpostor, isInstalled } from "../protected.ts";
import { readyAnswers } from "./answers.ts";
import {
  type ChangedFile,
  permitted,
  placed,
  type Suspicion,
  sentenceOf,
  type Tampering,
} from "./change.ts";
import { classOf, type FileClass } from "./classes.ts";
import { configTampering } from "./config-files.ts";
import { runnerTampering } from "./runner-files.ts";
import { suspicionsOf } from "./suspicions.ts";
import { snapshotSweep, suppressionSweep } from "./sweeps.ts";
import { testTampering } from "./test-files.ts";

export type TamperCheck = {
  /** why the change is refused, for who made it; empty when it is not */
  problems: readonly string[];
  /** what a reviewer should look at */
  flags: readonly string[];
  /** how many of the changed files are of each class that has any */
  classes: Readonly<Partial<Record<FileClass, number>>>;
};

const MOST = 40;

const bounded = (sentences: readonly string[]): string[] =>
  sentences.length > MOST
    ? [...sentences.slice(0, MOST), `and ${sentences.length - MOST} more of the kind`]
    : [...sentences];

const placeTampering = ({ path, before, after }: ChangedFile): Tampering[] => {
  const tampering = (what: string, remedy: string, opens: Tampering["opens"]): Tampering[] => [
    { path, what, remedy, opens },
  ];
  if (isLockfile(path))
    return tampering("pins dependencies and was changed", "put it back", "lockfile");
  if (isInstalled(path) && after !== undefined)
    return tampering("is an installed package", "remove it from the tree", "path");
  if (isImpostor(path) && before === undefined)
    return tampering("has the name of a tool that gates use", "give it another name", "path");
  return [];
};

/**
 * Compares a change with its base for what makes gates easier to pass. What the policy protects is refused always;
 * the rest unless the task's permits open it, and then a flag tells of it. Nothing is restored.
 */
export const checkTampering = async (input: {
  files: readonly ChangedFile[];
  gates: readonly Gate[];
  /** globs closed to every task */
  closed: readonly string[];
  permits: readonly string[];
  base: { paths: readonly string[]; read(path: string): Promise<string | undefined> };
}): Promise<TamperCheck> => {
  const there = new Set(input.base.paths);
  const base = { ...input.base, has: (path: string) => there.has(path) };
  const files = input.files.map((f) => ({ ...f, class: classOf(f.path, f.after ?? f.before) }));
  const scope = await gateScope(input.gates, base);
  const tests = testTampering(files);
  const silenced = suppressionSweep(files);
  const recorded = snapshotSweep(files);
  const tampering: Tampering[] = [
    ...files.flatMap(placeTampering),
    ...(await runnerTampering(files, base)),
    ...files.flatMap((file) =>
      changedGateScripts(scope, file).map(
        (what): Tampering => ({ path: file.path, what, remedy: "put it back", opens: "gates" }),
      ),
    ),
    ...files.flatMap((file) => configTampering(file, base.paths)),
    ...tests.tampering,
    ...silenced.tampering,
    ...recorded.tampering,
  ];
  const closed = new Set(
    closedPaths(
      input.files.map((f) => f.path),
      input.closed,
    ),
  );
  const isPermitted = permitted(input.permits);
  const open = tampering.filter((t) => !closed.has(t.path));
  const suspicions: Suspicion[] = [
    ...tests.suspicions,
    ...silenced.suspicions,
    ...recorded.suspicions,
    ...files.flatMap(suspicionsOf),
    ...(await readyAnswers(files, base)),
    ...files
      .filter(({ path, before }) => before !== undefined && scope.imported.has(path))
      .map(({ path }) => ({ path, what: "is imported by a script that a gate runs" })),
  ];
  return {
    problems: bounded([
      ...[...closed].map((path) => `${path} is protected, whatever a plan permits: put it back`),
      ...open.filter((t) => !isPermitted(t)).map(sentenceOf),
    ]),
    flags: bounded([
      ...open.filter(isPermitted).map((t) => `by permit, ${placed(t)} ${t.what}`),
      ...suspicions.map((s) => `${placed(s)} ${s.what}`),
    ]),
    classes: countsOf(files.map((f) => f.class)),
  };
};

const countsOf = (classes: readonly FileClass[]): Partial<Record<FileClass, number>> => {
  const counts: Partial<Record<FileClass, number>> = {};
  for (const name of classes) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
};
