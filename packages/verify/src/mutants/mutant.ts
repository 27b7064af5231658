/** What is done to a function; in the order in which they are tried where nothing else decides. */
export const MUTANT_KINDS = ["constant", "empty", "throws", "negated", "arithmetic"] as const;
type MutantKind = (typeof MUTANT_KINDS)[number];

/** A changed file of which one function is known to be bad, and which otherwise still compiles. */
export type Mutant = {
  path: string;
  functionName: string;
  /** where the function begins in the file after the change */
  line: number;
  kind: MutantKind;
  /** what the function does instead, in words that follow its name */
  what: string;
  /** the whole file */
  text: string;
};

/** One replacement of text that makes a mutant. */
export type Edit = Pick<Mutant, "kind" | "what"> & { from: number; to: number; text: string };

/** The lower, the likelier the file still passes a type check, and the change shows. */
export type RankedEdit = { rank: number; edit: Edit };

/** The first of the best: one of a kind is enough for a function. */
export const bestOf = (edits: readonly RankedEdit[]): Edit[] =>
  [...edits]
    .sort((a, b) => a.rank - b.rank)
    .slice(0, 1)
    .map(({ edit }) => edit);

/** A function as a language's reader finds it. */
export type FoundFunction = {
  name: string;
  line: number;
  /** its text without the functions in it that are found themselves */
  own: string;
  edits: readonly Edit[];
};

/** Yields nothing for what it cannot read: no mutant is better than a file that does not compile. */
export type FunctionReader = (path: string, text: string) => FoundFunction[];

/** What sort of value a function returns, as far as its text tells. */
export type ValueSort = "boolean" | "number" | "string" | "list" | "other";

/** A returned expression: its text, and its sort where that shows. */
export type Returned = { text: string; sort: ValueSort | undefined };

/**
 * The constant that stands for the bad value: of the sort that is returned, so that it goes unseen by what only looks
 * at that, and none that the function itself returns literally, where there is a choice.
 */
export const badConstant = (
  returned: readonly Returned[],
  choices: Readonly<Record<ValueSort, readonly [string, ...string[]]>>,
): string => {
  const sort = returned.findLast((one) => one.sort !== undefined)?.sort ?? "other";
  const own = new Set(returned.map(({ text }) => text));
  return choices[sort].find((choice) => !own.has(choice)) ?? choices[sort][0];
};

/** Signs of which one stands for another; those before the others that work on numbers alone. */
export const ARITHMETIC: ReadonlyMap<string, string> = new Map([
  ["-", "+"],
  ["*", "/"],
  ["/", "*"],
  ["//", "*"],
  ["%", "*"],
  ["-=", "+="],
  ["*=", "/="],
  ["+", "-"],
  ["+=", "-="],
]);

export const arithmeticRank = (sign: string): number => [...ARITHMETIC.keys()].indexOf(sign);

/** What is left of `from..to` without the ranges in it, which are in order: lines without their indentation. */
export const ownText = (
  text: string,
  { from, to }: { from: number; to: number },
  inner: readonly { from: number; to: number }[],
): string => {
  const parts: string[] = [];
  let at = from;
  for (const range of inner) {
    parts.push(text.slice(at, range.from));
    at = range.to;
  }
  return [...parts, text.slice(at, to)]
    .flatMap((part) => part.split("\n"))
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join("\n");
};
