import type { LineChanges } from "@headrace/domain";
import type { Git } from "./git.ts";

/** What a diff may weigh; of a longer one the first part counts, which is the same one each time. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_LINES = 500_000;

// by names of its own: what a repository says of how its files are to be compared has no say here
const ARGS = [
  ...["diff-tree", "-r", "-p", "-U0", "--no-renames", "--diff-algorithm=myers"],
  ...["--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"],
];

/** The lines in which two commits differ. */
export const lineChanges = async (git: Git, from: string, to: string): Promise<LineChanges> => {
  const { stdout } = await git.run([...ARGS, from, to], { maxBytes: MAX_BYTES, truncate: true });
  // one character a byte, so that no two contents look alike
  return parseDiff(stdout.toString("latin1", 0, stdout.lastIndexOf(0x0a)));
};

const HUNK = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/;

/** A hunk's header says how many lines of it follow, so that no content is taken for a header. */
const parseDiff = (diff: string): LineChanges => {
  const changes: { added: string[]; removed: string[] } = { added: [], removed: [] };
  let file: { name: string; told: boolean; deleted: boolean } | undefined;
  let [minus, plus] = [0, 0];
  const endFile = () => {
    if (file !== undefined && !file.told)
      (file.deleted ? changes.removed : changes.added).push(`${file.name}\0`);
  };
  for (const line of linesOf(diff)) {
    if (changes.added.length + changes.removed.length >= MAX_LINES) return changes;
    if (file !== undefined && minus > 0 && line.startsWith("-")) {
      minus -= 1;
      changes.removed.push(`${file.name}\0${line.slice(1)}`);
    } else if (file !== undefined && plus > 0 && line.startsWith("+")) {
      plus -= 1;
      changes.added.push(`${file.name}\0${line.slice(1)}`);
    } else if (line.startsWith("diff --git ")) {
      endFile();
      file = { name: line.slice("diff --git ".length), told: false, deleted: false };
    } else if (file !== undefined && line.startsWith("@@ ")) {
      const [, before = "1", after = "1"] = HUNK.exec(line) ?? [];
      [minus, plus] = [Number(before), Number(after)];
      file.told = true;
    } else if (file !== undefined && line.startsWith("deleted file mode ")) file.deleted = true;
  }
  endFile();
  return changes;
};

function* linesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\n", at);
    const next = end === -1 ? text.length : end;
    yield text.slice(at, next);
    at = next + 1;
  }
}
