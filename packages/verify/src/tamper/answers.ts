import { addedLines, type ChangedFile, type Suspicion } from "./change.ts";
import { classOf, type FileClass } from "./classes.ts";
import { languageOf } from "./languages.ts";
import type { Pace } from "./pace.ts";
import { MAX_SOURCE, readSource } from "./source.ts";

type Classed = ChangedFile & { class: FileClass };
type Base = { paths: readonly string[]; read(path: string): Promise<string | undefined> };

const NUMBER = /(?<![\w.])-?\d{1,20}(?:\.\d{1,20})?(?![\w.])/;
/** Long enough not to be a word that code and tests share. */
const TEXT = /"[^"\n]{12,400}"|'[^'\n]{12,400}'|`[^`$\n]{12,400}`/;

/** What is handed out as it stands: after `return`, an arrow, or one of two ways of a condition. */
const ANSWER = new RegExp(
  `(?:\\breturn\\s{1,8}|=>\\s{0,8}\\(?|[?:]\\s{1,8})(${NUMBER.source}|${TEXT.source})(?=\\s{0,8}(?:[;:,)}]|if\\b|$))`,
  "gm",
);
const LITERAL = new RegExp(`${NUMBER.source}|${TEXT.source}`, "g");

/** Numbers that mean nothing by being equal. */
const COMMON = new Set(["0", "1", "-1"]);

const MOST_TESTS = 40;
const MOST_NAMED = 5;

const plainOf = (path: string, text: string | undefined): string => {
  const syntax = languageOf(path)?.syntax;
  if (syntax === undefined || text === undefined || text.length > MAX_SOURCE) return "";
  return readSource(text, syntax).plain;
};

const unquoted = (literal: string): string => literal.replace(/^["'`]|["'`]$/g, "");

/** Constants that lines which are new hand out. */
const answersIn = ({ path, before, after }: ChangedFile): string[] =>
  addedLines(plainOf(path, before), plainOf(path, after))
    .flatMap(({ text }) => [...text.matchAll(ANSWER)].map(([, answer = ""]) => unquoted(answer)))
    .filter((answer) => !COMMON.has(answer));

/** Constants in lines of a test file that assert something. */
const expectedIn = (path: string, text: string | undefined): string[] => {
  const asserts = languageOf(path)?.asserts;
  if (asserts === undefined) return [];
  const asserted = new RegExp(asserts.source, asserts.flags.replace("g", ""));
  return plainOf(path, text)
    .split("\n")
    .filter((line) => asserted.test(line))
    .flatMap((line) => (line.match(LITERAL) ?? []).map(unquoted));
};

/** The tests as they are now, those whose names are like a changed file's first. */
const testsBeside = async (
  files: readonly Classed[],
  products: readonly Classed[],
  base: Base,
  pace: Pace,
): Promise<string[]> => {
  const changed = new Set(files.map(({ path }) => path));
  const stems = products.map(({ path }) => /([^/.]+)[^/]*$/.exec(path)?.[1] ?? path);
  const there = base.paths
    .filter((path) => !changed.has(path) && languageOf(path) && classOf(path) === "test")
    .sort((a, b) => Number(isLike(b, stems)) - Number(isLike(a, stems)))
    .slice(0, MOST_TESTS);
  const old = there.map(async (path) => ({ path, after: await base.read(path) }));
  const now = files.filter((f) => f.class === "test");
  const found: string[][] = [];
  for (const { path, after } of [...(await Promise.all(old)), ...now])
    found.push(await pace({ path, before: undefined, after }, () => expectedIn(path, after)));
  return found.flat();
};

const isLike = (path: string, stems: readonly string[]): boolean =>
  stems.some((stem) => path.includes(stem));

/** Product code that hands out, as constants, what its tests expect: it may have been written for them alone. */
export const readyAnswers = async (
  files: readonly Classed[],
  base: Base,
  pace: Pace,
): Promise<Suspicion[]> => {
  const products = files.filter((f) => f.class === "product");
  const answers: { path: string; constants: string[] }[] = [];
  for (const file of products)
    answers.push({ path: file.path, constants: await pace(file, () => answersIn(file)) });
  const telling = answers.filter(({ constants }) => constants.length > 0);
  if (telling.length === 0) return [];
  const expected = new Set(await testsBeside(files, products, base, pace));
  return telling.flatMap(({ path, constants }): Suspicion[] => {
    const same = [...new Set(constants)].filter((answer) => expected.has(answer));
    if (same.length === 0) return [];
    const named = same.slice(0, MOST_NAMED).map((answer) => `\`${answer.slice(0, 40)}\``);
    return [{ path, what: `hands out what its tests expect as constants (${named.join(", ")})` }];
  });
};
