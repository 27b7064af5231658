import { type Gate, isLockfile } from "@headrace/domain";
import { type BaseTree, changedGateScripts } from "../gate-scripts.ts";
import { closedPaths, holdsClosed, isImpostor, isInstalled } from "../protected.ts";
import { readyAnswers } from "./answers.ts";
import {
  type ChangedFile,
  type Found,
  permitted,
  placed,
  type Suspicion,
  sentenceOf,
  type Tampering,
} from "./change.ts";
import { classOf, type FileClass } from "./classes.ts";
import { configTampering } from "./config-files.ts";
import { decidedGates, type ScopedGate, scopedGates } from "./deciding-gates.ts";
import { isLink, linkTampering } from "./links.ts";
import { type Pace, paceOf, TooSlowError } from "./pace.ts";
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

type Classed = ChangedFile & { class: FileClass };
type Base = BaseTree & { paths: readonly string[] };

const placeTampering = ({ path, before }: ChangedFile): Tampering[] => {
  const tampering = (what: string, remedy: string, opens: Tampering["opens"]): Tampering[] => [
    { path, what, remedy, opens },
  ];
  if (isLockfile(path))
    return tampering("pins dependencies and was changed", "put it back", "lockfile");
  if (isInstalled(path))
    return tampering("is an installed package", "leave it to the environment", "path");
  if (isImpostor(path) && before === undefined)
    return tampering("has the name of a tool that gates use", "give it another name", "path");
  return [];
};

/** What the same change of a script decides, for all gates that it decides. */
const scriptTampering = (file: ChangedFile, gates: readonly ScopedGate[]): Tampering[] => {
  const found = new Map<string, string[]>();
  for (const { name, scope } of gates)
    for (const what of changedGateScripts(scope, file))
      found.set(what, [...(found.get(what) ?? []), name]);
  const { path } = file;
  return [...found].map(([what, names]) => ({
    ...{ path, what, remedy: "put it back", opens: "gates", gates: names },
  }));
};

/** Everything that a task needs leave for, and what a reviewer should look at. */
const lookAt = async (
  files: readonly Classed[],
  on: { base: Base; gates: readonly Gate[]; pace: Pace },
): Promise<Found> => {
  const { base, pace } = on;
  const gates = await scopedGates(on.gates, base);
  const runners = await runnerTampering(files, base, pace);
  const tests = await testTampering(files, pace);
  const silenced = await suppressionSweep(files, pace);
  const recorded = await pace({ path: "its snapshots" }, () => snapshotSweep(files));
  const tampering: Tampering[] = files.flatMap((f) => [...placeTampering(f), ...linkTampering(f)]);
  tampering.push(...runners);
  const suspicions: Suspicion[] = [];
  for (const file of files) {
    const { path, before } = file;
    const found = await pace(file, () => [
      ...scriptTampering(file, gates),
      ...configTampering(file, base.paths),
    ]);
    tampering.push(...found);
    suspicions.push(...(await pace(file, () => suspicionsOf(file))));
    if (before !== undefined && gates.some(({ scope }) => scope.imported.has(path)))
      suspicions.push({ path, what: "is imported by a script that a gate runs" });
  }
  for (const more of [tests, silenced, recorded]) {
    tampering.push(...more.tampering);
    suspicions.push(...more.suspicions);
  }
  suspicions.push(...(await readyAnswers(files, base, pace)));
  const decided = (t: Tampering) => (t.opens === "gates" ? { gates: decidedGates(t, gates) } : {});
  return { tampering: tampering.map((t) => ({ ...t, ...decided(t) })), suspicions };
};

/** Far more than honest changes take; a coder must not gain by handing in what is slow to look at. */
const BOUNDS = { totalMs: 60_000, pieceMs: 15_000 };

const closedOf = (files: readonly ChangedFile[], globs: readonly string[]): Set<string> =>
  new Set([
    ...closedPaths(
      files.map(({ path }) => path),
      globs,
    ),
    ...files.flatMap((f) => (isLink(f) && holdsClosed(f.path, globs) ? [f.path] : [])),
  ]);

/**
 * Compares a change with its base for what makes gates easier to pass. What the policy protects is refused always;
 * the rest unless the task's permits open it, and then a flag tells of it. Nothing is restored. What takes longer to look
 * at than `bounds` is refused unseen.
 */
export const checkTampering = async (input: {
  files: readonly ChangedFile[];
  gates: readonly Gate[];
  /** globs closed to every task */
  closed: readonly string[];
  permits: readonly string[];
  base: { paths: readonly string[]; read(path: string): Promise<string | undefined> };
  bounds?: { totalMs: number; pieceMs: number };
}): Promise<TamperCheck> => {
  const { gates, permits, bounds = BOUNDS } = input;
  const there = new Set(input.base.paths);
  const base = { ...input.base, has: (path: string) => there.has(path) };
  const pace = paceOf(bounds);
  const files: Classed[] = [];
  try {
    for (const f of input.files)
      files.push({ ...f, class: await pace(f, () => classOf(f.path, f.after ?? f.before)) });
    const found = await lookAt(files, { base, gates, pace });
    return verdict(found, files, { closed: closedOf(files, input.closed), permits });
  } catch (error) {
    if (!(error instanceof TooSlowError)) throw error;
    const problem = `looking at what the change makes of ${error.path} takes too long: hand in less, or leave out long repetitions and long lines`;
    return { problems: [problem], flags: [], classes: countsOf(files.map((f) => f.class)) };
  }
};

const verdict = (
  { tampering, suspicions }: Found,
  files: readonly Classed[],
  { closed, permits }: { closed: ReadonlySet<string>; permits: readonly string[] },
): TamperCheck => {
  const isPermitted = permitted(permits);
  const open = tampering.filter((t) => !closed.has(t.path));
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
