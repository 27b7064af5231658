import { addedLines, type ChangedFile, type Found } from "./change.ts";
import type { FileClass } from "./classes.ts";
import { languageOf } from "./languages.ts";
import { ownGlobs } from "./own-globs.ts";
import type { Pace } from "./pace.ts";

type Classed = ChangedFile & { class: FileClass };

/** Comments by which one place is excused from a linter, a type checker or coverage. */
const SUPPRESSION =
  /\b(?:eslint-disable|oxlint-disable|tslint:disable|biome-ignore|stylelint-disable|ts-(?:ignore|expect-error|nocheck)|istanbul ignore|(?:c8|v8|node:coverage) (?:ignore|disable)|noqa\b|type:\s?ignore|pyright:\s?ignore|mypy:\s?ignore|pylint:\s?disable|pragma:\s?no cover|nosec\b|nolint\b|rubocop:disable|NOLINT|checkstyle:off)|#!?\[allow\(|@SuppressWarnings\b|@Suppress\(/;

const MOST_SUPPRESSIONS = 3;

/** New suppressions less those that went: a few are a matter of taste, a sweep silences the check. */
export const suppressionSweep = async (files: readonly Classed[], pace: Pace): Promise<Found> => {
  const code = files.filter(
    (f) => ["product", "test", "config"].includes(f.class) && languageOf(f.path) !== undefined,
  );
  const silenced = ({ before = "", after = "" }: ChangedFile) =>
    addedLines(before, after).filter(({ text }) => SUPPRESSION.test(text));
  const fresh: { path: string; line: number }[] = [];
  let gone = 0;
  for (const file of code) {
    const { path, before, after } = file;
    const there = await pace(file, () => silenced(file));
    fresh.push(...there.map(({ line }) => ({ path, line })));
    gone += (await pace(file, () => silenced({ path, before: after, after: before }))).length;
  }
  const [first] = fresh;
  const net = fresh.length - gone;
  if (first === undefined || net <= 0) return { tampering: [], suspicions: [] };
  if (net <= MOST_SUPPRESSIONS)
    return {
      tampering: [],
      suspicions: [{ ...first, what: `silences a linter or type checker (${net} new in all)` }],
    };
  return {
    tampering: fresh.map((place) => ({
      ...place,
      what: `silences a linter or type checker, one of ${net} new places`,
      remedy: `mend the code; at most ${MOST_SUPPRESSIONS} in a change may stay, each with its reason`,
      opens: "path",
    })),
    suspicions: [],
  };
};

export const isSnapshot = ownGlobs("**/*.{snap,ambr,snap.json}", "**/__snapshots__/**/*");

/** Recorded outputs that were written again: without product code that changed, they only bless what is wrong. */
export const snapshotSweep = (files: readonly Classed[]): Found => {
  const rewritten = files.filter(
    (f) =>
      isSnapshot(f.path) &&
      f.before !== undefined &&
      addedLines(f.after ?? "", f.before).length > 0,
  );
  const cause = files.some((f) => f.class === "product" || f.class === "generated");
  if (!cause)
    return {
      tampering: rewritten.map(({ path }) => ({
        path,
        what: "was written again although no product code changed",
        remedy: "put the recorded output back",
        opens: "path",
      })),
      suspicions: [],
    };
  return {
    tampering: [],
    suspicions: rewritten.map(({ path }) => ({ path, what: "has recorded output written again" })),
  };
};
