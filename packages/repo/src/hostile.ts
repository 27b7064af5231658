import { posix } from "node:path";
import type { SizedEntry } from "./objects.ts";

/**
 * What came in. `base`: the user's own commit, which may hold submodules, odd names and links to anywhere (here they
 * are only blobs). `change`: what an agent made of a base; only entries that differ from its parent are judged.
 */
export type TreeKind = "base" | "change";

export type TreeUnderCheck = {
  kind: TreeKind;
  entries: readonly SizedEntry[];
  /** the parent's entries; empty where everything is new */
  before: readonly SizedEntry[];
  /** targets of symbolic links by object id */
  targets: ReadonlyMap<string, Uint8Array>;
};

type Limits = { files: number; bytes: number; fileBytes: number };

/** A change is bounded by what a person could review; a base by what fits in memory as a tar. */
export const LIMITS: Readonly<Record<TreeKind, Limits>> = {
  base: { files: 500_000, bytes: 1024 ** 3, fileBytes: 512 * 1024 ** 2 },
  change: { files: 20_000, bytes: 256 * 1024 ** 2, fileBytes: 100 * 1024 ** 2 },
};

const MAX_PROBLEMS = 50;
const MAX_PATH_BYTES = 4096;
const MAX_NAME_BYTES = 255;

/** Code points HFS+ leaves out when it compares names. */
const HFS_IGNORED = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/gu;
const CONTROL = /\p{Cc}|\p{Bidi_Control}/u;

/** Whether some file system would take this name for `.git` (case, HFS+ marks, NTFS short names and streams). */
export const isGitName = (name: string): boolean => {
  const [plain = ""] = name.replace(HFS_IGNORED, "").toLowerCase().split(":");
  const trimmed = plain.replace(/[. ]+$/, "");
  return trimmed === ".git" || trimmed === "git~1";
};

const decoder = new TextDecoder("utf-8", { fatal: true });
const decode = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
};

/** A path in an error message: short, and unable to move the reader's cursor. */
const shown = (path: string): string =>
  JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);

const nameProblem = (path: string, kind: TreeKind): string | undefined => {
  const names = path.split("/");
  if (names.includes("")) return "has an empty path component";
  if (names.includes("..") || names.includes(".")) return 'has a "." or ".." path component';
  if (names.some((name) => name.split("\\").some(isGitName)))
    return "is a name git keeps for itself";
  if (path.includes("\uFFFD")) return "is not valid UTF-8: rename it";
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `is longer than ${MAX_PATH_BYTES} bytes`;
  if (names.some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES))
    return `has a name longer than ${MAX_NAME_BYTES} bytes`;
  if (kind === "change" && CONTROL.test(path)) return "has a control character in its name";
  if (kind === "change" && path.includes("\\")) return "has a backslash in its name";
  return undefined;
};

/** A link may climb only at its start: further on, `..` leaves through whatever other links point to. */
const linkProblem = (path: string, target: Uint8Array, kind: TreeKind): string | undefined => {
  const to = decode(target);
  if (to === undefined) return "is a link whose target is not valid UTF-8";
  if (kind === "base") return undefined;
  if (to === "" || CONTROL.test(to)) return "is a link with an unusable target";
  if (posix.isAbsolute(to) || /^[a-z]:/i.test(to) || to.includes("\\"))
    return "is a link to an absolute path";
  const steps = to.split("/").filter((step) => step !== "" && step !== ".");
  const down = steps.findIndex((step) => step !== "..");
  const climbs = down === -1 ? steps.length : down;
  if (climbs > path.split("/").length - 1) return "is a link that leaves the tree";
  if (down !== -1 && steps.slice(down).includes(".."))
    return 'is a link with ".." inside its target';
  if (steps.some(isGitName)) return "is a link to a name git keeps for itself";
  return undefined;
};

const entryProblem = (entry: SizedEntry, { kind, targets }: TreeUnderCheck): string | undefined => {
  const name = nameProblem(entry.path, kind);
  if (name !== undefined) return name;
  if (entry.mode === "160000")
    return kind === "change" ? "is a nested repository: remove its .git or the folder" : undefined;
  if (entry.size > LIMITS[kind].fileBytes)
    return `is ${entry.size} bytes, more than ${LIMITS[kind].fileBytes}`;
  if (entry.mode !== "120000") return undefined;
  return linkProblem(entry.path, targets.get(entry.object) ?? new Uint8Array(), kind);
};

const fold = (path: string): string => path.normalize("NFC").toLowerCase();

/** Every prefix of a path: its folders and itself. */
const prefixes = (path: string): string[] => {
  const names = path.split("/");
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
};

/** Changed paths that a case-folding or normalising file system would take for another path of the tree. */
const collisions = (changed: readonly SizedEntry[], entries: readonly SizedEntry[]): string[] => {
  const wanted = new Map<string, string>();
  for (const { path } of changed)
    for (const prefix of prefixes(path)) wanted.set(fold(prefix), prefix);
  const found = new Map<string, string>();
  for (const { path } of entries)
    for (const prefix of prefixes(path)) {
      const mine = wanted.get(fold(prefix));
      if (mine !== undefined && mine !== prefix)
        found.set(
          fold(prefix),
          `${shown(mine)} differs from ${shown(prefix)} only in case or accents' encoding`,
        );
    }
  return [...found.values()];
};

/** Entries that are new or differ from the parent's at the same path. */
export const changedEntries = (
  entries: readonly SizedEntry[],
  before: readonly SizedEntry[],
): SizedEntry[] => {
  const old = new Map(before.map((entry) => [entry.path, entry]));
  return entries.filter((entry) => {
    const same = old.get(entry.path);
    return same === undefined || same.object !== entry.object || same.mode !== entry.mode;
  });
};

/** Why a tree must not enter the factory; empty when it may. */
export const treeProblems = (tree: TreeUnderCheck): string[] => {
  const changed = changedEntries(tree.entries, tree.before);
  const limits = LIMITS[tree.kind];
  const problems: string[] = [];
  if (changed.length > limits.files)
    problems.push(`${changed.length} files, more than ${limits.files}`);
  const bytes = changed.reduce((sum, entry) => sum + entry.size, 0);
  if (bytes > limits.bytes) problems.push(`${bytes} bytes of files, more than ${limits.bytes}`);
  for (const entry of changed) {
    const problem = entryProblem(entry, tree);
    if (problem !== undefined) problems.push(`${shown(entry.path)} ${problem}`);
  }
  if (tree.kind === "change") problems.push(...collisions(changed, tree.entries));
  return problems.slice(0, MAX_PROBLEMS);
};
