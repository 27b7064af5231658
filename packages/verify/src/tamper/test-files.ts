import { addedLines, type ChangedFile, type Found, type Tampering } from "./change.ts";
import { classOf } from "./classes.ts";
import { deadTests } from "./dead-tests.ts";
import { collectedBy, type Language, languageOf } from "./languages.ts";
import type { Pace } from "./pace.ts";
import { lineCounter, MAX_SOURCE, readSource, type Source } from "./source.ts";

/** Something that keeps tests from running; `key` stays the same when the file is formatted or renamed. */
type Marker = { key: string; what: string; line: number; sure: boolean };

type Reading = Source & { tests: number; asserts: number; markers: readonly Marker[] };

const NOTHING: Reading = { code: "", plain: "", tests: 0, asserts: 0, markers: [] };

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

/** What a marker is put on: the next string, or the next declaration. */
const subjectOf = (source: Source, end: number, { named }: Language): string => {
  const near = source.plain.slice(end, end + 300);
  if (named !== undefined) {
    for (const match of near.matchAll(named)) return match[1] ?? "";
    return "";
  }
  return /["'`]([^"'`]{0,200})/.exec(near)?.[1] ?? "";
};

const markersIn = (source: Source, language: Language): Marker[] => {
  const lineOf = lineCounter(source.code);
  const skips = language.skips.flatMap((pattern) =>
    [...source.code.matchAll(pattern)].map((match) => {
      const end = match.index + match[0].length;
      const text = source.plain.slice(match.index, end).replace(/\s+/g, " ").slice(-60).trim();
      const start = match.index + match[0].length - match[0].trimStart().length;
      const key = `${match[0].replace(/[\s(]/g, "")} ${subjectOf(source, end, language)}`;
      const what = `keeps tests from running with \`${text.replaceAll("`", "'")}\``;
      return { key, what, line: lineOf(start), sure: true };
    }),
  );
  const dead = deadTests(source.code, language).map(({ index, what, sure }) => {
    const key = `dead ${subjectOf(source, index, language)}`;
    return { key, what, line: lineOf(index), sure };
  });
  return [...skips, ...dead];
};

const read = (path: string, text: string | undefined): Reading => {
  const language = languageOf(path);
  if (language === undefined || text === undefined || text.length > MAX_SOURCE) return NOTHING;
  const source = readSource(text, language.syntax);
  return {
    ...source,
    tests: count(source.code, language.tests),
    asserts: count(source.code, language.asserts),
    markers: markersIn(source, language),
  };
};

type Pair = ChangedFile & { was: Reading; is: Reading };

const isTest = ({ path, before, after, was, is }: Pair): boolean =>
  classOf(path, after ?? before) === "test" ||
  collectedBy(path) !== undefined ||
  (languageOf(path)?.name === "Rust" && was.tests + is.tests > 0);

/** Whether a runner that collects `from` by its name also collects `to`. */
const alsoCollected = (from: string, to: string): boolean => {
  const [was, is] = [collectedBy(from), collectedBy(to)];
  const language = languageOf(from);
  if (is === undefined || language === undefined || languageOf(to) !== language) return false;
  // of JavaScript's runners most know only the first form of name
  if (language.name !== "JavaScript" || was === undefined) return true;
  return language.collected.indexOf(is) <= language.collected.indexOf(was);
};

/** Lines that tell one test file from another: no imports, no closers. */
const significant = (text: string): string[] =>
  addedLines("", text).flatMap(({ text: line }) =>
    /^(?:import|from|use|package)\b|^\W*$/.test(line) ? [] : [line],
  );

const KEPT = 0.6;

/** Whether the tests of a file stand in other test files now: enough of its lines, and of its tests. */
const movedElsewhere = (lost: Pair, tests: readonly Pair[]): boolean => {
  const heirs = tests.filter((t) => t.path !== lost.path && alsoCollected(lost.path, t.path));
  const gained = heirs.reduce((sum, { was, is }) => sum + Math.max(0, is.tests - was.tests), 0);
  if (2 * gained < lost.was.tests) return false;
  const there = new Set(
    heirs.flatMap(({ was, is }) => addedLines(was.plain, is.plain).map(({ text }) => text)),
  );
  const lines = significant(lost.was.plain);
  return lines.filter((line) => there.has(line)).length >= KEPT * lines.length;
};

const losses = (tests: readonly Pair[]): Tampering[] =>
  tests.flatMap((pair): Tampering[] => {
    const { path, was, is, after } = pair;
    const had = was.tests > 0 || (collectedBy(path) !== undefined && was.asserts > 0);
    const has = is.tests > 0 || (was.tests === 0 && is.asserts > 0);
    if (!had || has || movedElsewhere(pair, tests)) return [];
    return [
      {
        path,
        what:
          after === undefined
            ? `is gone, with its ${was.tests || "own"} tests`
            : `has no test left of the ${was.tests || "ones"} it had`,
        remedy: "put the tests back, or move them to a file that the same runner collects",
        opens: "path",
      },
    ];
  });

/** Helpers of tests keep some for others to call. */
const isCollected = (path: string): boolean => languageOf(path)?.collected[0]?.test(path) ?? false;

/** Markers that no file had before; as many as a file has lost may be old ones under another title. */
const newMarkers = (tests: readonly Pair[]): Found => {
  const known = new Map<string, number>();
  for (const { was } of tests)
    for (const { key } of was.markers) known.set(key, (known.get(key) ?? 0) + 1);
  const found: Found = { tampering: [], suspicions: [] };
  for (const { path, was, is } of tests) {
    const kept = new Set(is.markers.map(({ key }) => key));
    let retitled = was.markers.filter(({ key }) => !kept.has(key)).length;
    for (const { key, what, line, sure } of is.markers) {
      const left = known.get(key) ?? 0;
      known.set(key, left - 1);
      if (left > 0) continue;
      const remedy = "let them run, and make them pass";
      if (!sure && !isCollected(path)) continue;
      if (!sure) found.suspicions.push({ path, line, what });
      else if (retitled-- > 0)
        found.suspicions.push({ path, line, what: `${what}, others than before` });
      else found.tampering.push({ path, line, what, remedy, opens: "path" });
    }
  }
  return found;
};

/** A test file too large to be read could hide anything. */
const unreadable = (tests: readonly Pair[]): Tampering[] =>
  tests.flatMap(({ path, before, after }): Tampering[] =>
    after !== undefined &&
    after.length > MAX_SOURCE &&
    (before?.length ?? 0) <= MAX_SOURCE &&
    languageOf(path)
      ? [{ path, what: "is too large to be checked", remedy: "split it", opens: "path" }]
      : [],
  );

/** `//go:build ignore` takes a whole file out, in a comment. */
const excluded = (tests: readonly Pair[]): Tampering[] =>
  tests.flatMap(({ path, before, after }) =>
    languageOf(path)?.name === "Go"
      ? addedLines(before ?? "", after ?? "")
          .filter(({ text }) => /^\/\/\s?(?:go:build|\+build)\s/.test(text))
          .map(
            ({ line }): Tampering => ({
              path,
              line,
              what: "takes a test file out of the build with a constraint",
              remedy: "remove the constraint",
              opens: "path",
            }),
          )
      : [],
  );

/** Tests that a change takes away or keeps from running. Fewer of them in a file is for the runner's report to judge. */
export const testTampering = async (files: readonly ChangedFile[], pace: Pace): Promise<Found> => {
  const tests: Pair[] = [];
  for (const file of files) {
    const pair = await pace(file, () => {
      const { path, before, after } = file;
      const both = { ...file, was: read(path, before), is: read(path, after) };
      return isTest(both) ? both : undefined;
    });
    if (pair !== undefined) tests.push(pair);
  }
  return pace({ path: "its tests" }, () => {
    const { tampering, suspicions } = newMarkers(tests);
    return {
      tampering: [...losses(tests), ...tampering, ...unreadable(tests), ...excluded(tests)],
      suspicions,
    };
  });
};
