import { plainLine } from "@headrace/domain";
import { withinTime } from "../within-time.ts";
import { readJavaScript } from "./javascript.ts";
import { type FunctionReader, MUTANT_KINDS, type Mutant } from "./mutant.ts";
import { readPython } from "./python.ts";

/** Of more than this, mutants are made of no function: it was not written by hand. */
const MAX_TEXT = 300_000;
/** Changed functions of one file: a few mutants are ever run. */
const MAX_FUNCTIONS = 40;
const MAX_NAME = 80;
/** Some nested generics take a parser minutes; files that people write, a tenth of a second on a busy machine. */
const MAX_MS = 2000;

const READERS: ReadonlyMap<string, FunctionReader> = new Map([
  ...["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"].map(
    (extension) => [extension, readJavaScript] as const,
  ),
  ["py", readPython],
]);

/**
 * Mutants of the functions that a change touched: those whose own lines the file did not have before, so neither what
 * was moved nor what surrounds a changed function. A language that is not known, and a file that cannot be read, have
 * none. Takes two seconds for a file that is made to be slow.
 */
export const mutantsOf = ({
  path,
  before = "",
  after,
}: {
  path: string;
  before?: string | undefined;
  after: string;
}): Mutant[] => {
  const reader = READERS.get(path.slice(path.lastIndexOf(".") + 1));
  if (reader === undefined || Math.max(before.length, after.length) > MAX_TEXT) return [];
  const read = (text: string) => withinTime(MAX_MS, () => reader(path, text)) ?? [];
  const functions = read(after);
  if (functions.length === 0) return [];
  const known = new Set(read(before).map(({ own }) => own));
  return functions
    .filter(({ own }) => !known.has(own))
    .slice(0, MAX_FUNCTIONS)
    .flatMap(({ name, line, edits }) =>
      edits.map(({ kind, what, from, to, text }) => ({
        path,
        functionName: plainLine(name, MAX_NAME),
        line,
        kind,
        what,
        text: after.slice(0, from) + text + after.slice(to),
      })),
    );
};

/** As many as are asked for, over as many files, functions and kinds as there are; the same for the same mutants. */
export const chooseMutants = (all: readonly Mutant[], count: number): Mutant[] => {
  const left = all.map((mutant) => ({
    mutant,
    groups: [
      `file ${mutant.path}`,
      `function ${mutant.line} ${mutant.functionName} ${mutant.path}`,
      `kind ${mutant.kind}`,
    ],
    order: MUTANT_KINDS.indexOf(mutant.kind),
  }));
  const chosen: Mutant[] = [];
  const times = new Map<string, number>();
  while (chosen.length < count && left.length > 0) {
    const scored = left.map(({ groups, order }) => [
      ...groups.map((group) => times.get(group) ?? 0),
      order,
    ]);
    const next = scored.reduce(
      (best, score, at) => (isBefore(score, scored[best] ?? []) ? at : best),
      0,
    );
    for (const { mutant, groups } of left.splice(next, 1)) {
      chosen.push(mutant);
      for (const group of groups) times.set(group, (times.get(group) ?? 0) + 1);
    }
  }
  return chosen;
};

const isBefore = (a: readonly number[], b: readonly number[]): boolean => {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
};
