import { globMatcher } from "@headrace/domain";

/** A file a change touches, with both of its sides; undefined where there is no regular file. */
export type ChangedFile = {
  path: string;
  before: string | undefined;
  after: string | undefined;
};

/** The permit of a plan's task that opens something: `path:` opens every file it matches. */
export type Opening = "lockfile" | "gates" | "path";

/** Something a change did that a task needs leave for. */
export type Tampering = {
  path: string;
  line?: number;
  /** what was done, in words that follow the place */
  what: string;
  /** what the coder does about it */
  remedy: string;
  opens: Opening;
};

/** Something that is worth a reviewer's look, and refuses nothing. */
export type Suspicion = { path: string; line?: number; what: string };

export type Found = { tampering: Tampering[]; suspicions: Suspicion[] };

export const placed = ({ path, line }: { path: string; line?: number }): string =>
  line === undefined ? path : `${path}:${line}`;

/** A sentence for who made the change. */
export const sentenceOf = (tampering: Tampering): string => {
  const { what, remedy, opens, path } = tampering;
  const permit = { lockfile: "lockfile", gates: "gates:<name>", path: `path:${path}` }[opens];
  return `${placed(tampering)} ${what}: ${remedy} (only the permit \`${permit}\` in the plan would allow it)`;
};

/** Tells whether the accepted plan lets a task do something. */
export const permitted = (permits: readonly string[]): ((tampering: Tampering) => boolean) => {
  const paths = globMatcher(permits.flatMap((p) => (p.startsWith("path:") ? [p.slice(5)] : [])));
  const gates = permits.some((permit) => permit.startsWith("gates:"));
  const lockfile = permits.includes("lockfile");
  return ({ path, opens }) =>
    paths(path) || (opens === "gates" && gates) || (opens === "lockfile" && lockfile);
};

/** A line as formatters leave it alone. */
const settled = (line: string): string =>
  line
    .trim()
    .replace(/['"`]/g, '"')
    .replace(/[\s,;]+/g, " ")
    .trimEnd();

/** Lines of `after` that `before` does not have as often, each with its number; spaces and kinds of quotes aside. */
export const addedLines = (before: string, after: string): { line: number; text: string }[] => {
  const left = new Map<string, number>();
  for (const raw of before.split("\n")) {
    const text = settled(raw);
    left.set(text, (left.get(text) ?? 0) + 1);
  }
  return after.split("\n").flatMap((raw, index) => {
    const text = settled(raw);
    const count = left.get(text) ?? 0;
    if (count > 0) left.set(text, count - 1);
    return count > 0 || text === "" ? [] : [{ line: index + 1, text: raw.trim() }];
  });
};
