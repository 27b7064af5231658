/** Lines with their ends left off; a text's last line may lack its end. */
const linesOf = (text: string): string[] => {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
};

/** What stands before each line of `base` and behind its last in a text that only added lines; undefined in others. */
const additions = (base: readonly string[], side: readonly string[]): string[][] | undefined => {
  // what both begin and end with stays put, so that a repeated line does not draw an addition away from its place
  let head = 0;
  while (head < base.length && base[head] === side[head]) head += 1;
  let tail = 0;
  while (tail < base.length - head && base.at(-1 - tail) === side.at(-1 - tail)) tail += 1;
  const gaps: string[][] = Array.from({ length: base.length + 1 }, () => []);
  let at = head;
  for (const line of side.slice(head, side.length - tail)) {
    if (at < base.length - tail && line === base[at]) at += 1;
    else gaps[at]?.push(line);
  }
  return at === base.length - tail ? gaps : undefined;
};

/**
 * Both sides' lines, in order, where each only added some to what they began with: in one place ours first, and once
 * what both added there. Undefined where a side changed or removed a line: that takes somebody who understands it.
 */
export const unionMerge = (base: string, ours: string, theirs: string): string | undefined => {
  const before = linesOf(base);
  const a = additions(before, linesOf(ours));
  const b = additions(before, linesOf(theirs));
  if (a === undefined || b === undefined) return undefined;
  const lines = a.flatMap((mine, i) => {
    const other = b[i] ?? [];
    const both = mine.join("\n") === other.join("\n") ? mine : [...mine, ...other];
    return i < before.length ? [...both, before[i] ?? ""] : both;
  });
  const ended = lines.length > 0 && (ours.endsWith("\n") || theirs.endsWith("\n"));
  return lines.join("\n") + (ended ? "\n" : "");
};
