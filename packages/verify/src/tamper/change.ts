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

export const placed = ({ path, line }: { path: string; line?: number }): string =>
  line === undefined ? path : `${path}:${line}`;

/** A sentence for who made the change. */
export const sentenceOf = (tampering: Tampering): string => {
  const permit = {
    lockfile: "`lockfile`",
    gates: "`gates:<name>`",
    path: `\`path:${tampering.path}\``,
  }[tampering.opens];
  return `${placed(tampering)} ${tampering.what}: ${tampering.remedy}. Only a plan that gives this task the permit ${permit} allows it`;
};

/** Tells whether the accepted plan lets a task do something. */
export const permitted = (permits: readonly string[]): ((tampering: Tampering) => boolean) => {
  const paths = globMatcher(permits.flatMap((p) => (p.startsWith("path:") ? [p.slice(5)] : [])));
  const gates = permits.some((permit) => permit.startsWith("gates:"));
  const lockfile = permits.includes("lockfile");
  return ({ path, opens }) =>
    paths(path) || (opens === "gates" && gates) || (opens === "lockfile" && lockfile);
};

/** Lines of `after` that `before` does not have as often, each with its number. */
export const addedLines = (before: string, after: string): { line: number; text: string }[] => {
  const left = new Map<string, number>();
  for (const text of before.split("\n")) left.set(text.trim(), (left.get(text.trim()) ?? 0) + 1);
  return after.split("\n").flatMap((raw, index) => {
    const text = raw.trim();
    const count = left.get(text) ?? 0;
    if (count > 0) left.set(text, count - 1);
    return count > 0 || text === "" ? [] : [{ line: index + 1, text }];
  });
};
