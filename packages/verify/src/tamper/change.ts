import { globMatcher, type TreeEntry } from "@headrace/domain";

type Mode = TreeEntry["mode"];

/** A file a change touches, with both of its sides; undefined where there is no regular file. */
export type ChangedFile = {
  path: string;
  before: string | undefined;
  after: string | undefined;
  /** what the sides are in the tree; absent where both are regular files or nothing */
  modes?: { before: Mode | undefined; after: Mode | undefined };
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
  /** of what opens by gates: the gates it is known to decide */
  gates?: readonly string[];
  /** of what opens by gates: names of configuration, each of which may tell the tool that reads it */
  about?: readonly string[];
};

/** Something that is worth a reviewer's look, and refuses nothing. */
export type Suspicion = { path: string; line?: number; what: string };

export type Found = { tampering: Tampering[]; suspicions: Suspicion[] };

export const placed = ({ path, line }: { path: string; line?: number }): string =>
  line === undefined ? path : `${path}:${line}`;

/** A sentence for who made the change. */
export const sentenceOf = (tampering: Tampering): string => {
  const { what, remedy, opens, path, gates = [] } = tampering;
  const names = gates.length > 0 ? gates : ["<name>"];
  const permits = {
    lockfile: ["lockfile"],
    gates: names.map((name) => `gates:${name}`),
    path: [`path:${path}`],
  }[opens];
  const told = permits.map((permit) => `\`${permit}\``).join(" with ");
  return `${placed(tampering)} ${what}: ${remedy} (only the permit ${told} in the plan would allow it)`;
};

/** Tells whether the accepted plan lets a task do something; what decides several gates needs leave for each of them. */
export const permitted = (permits: readonly string[]): ((tampering: Tampering) => boolean) => {
  const paths = globMatcher(permits.flatMap((p) => (p.startsWith("path:") ? [p.slice(5)] : [])));
  const isOpen = ({ opens, gates = [] }: Tampering): boolean => {
    if (opens === "lockfile") return permits.includes("lockfile");
    return (
      opens === "gates" &&
      gates.length > 0 &&
      gates.every((name) => permits.includes(`gates:${name}`))
    );
  };
  return (tampering) => paths(tampering.path) || isOpen(tampering);
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
