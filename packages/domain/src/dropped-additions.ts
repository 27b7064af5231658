type Sides = {
  /** where the two parted */
  base: string;
  /** what has landed since */
  ours: string;
  /** the change that is merged */
  theirs: string;
  resolution: string;
};

/** Indentation may change when two sides are joined. */
const linesOf = (text: string): string[] => text.split("\n").map((line) => line.trim());
const wordsOf = (line: string): string[] => line.match(/[\p{L}\p{N}_]+/gu) ?? [];

const counted = (lines: readonly string[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
};

/** Whether a line holds all these words, in this order. */
const holdsInOrder = (line: readonly string[], words: readonly string[]): boolean => {
  let at = 0;
  for (const word of line) if (word === words[at]) at += 1;
  return at === words.length;
};

/**
 * Lines that landed since the merge base and are gone from a resolution, each once. A line is not gone where one line
 * that the resolver wrote holds what is its own: its words that neither the base nor the change has or, where there are
 * none, its words less those the change took out, in their order. Copies the change itself removed are not missed, nor
 * are lines without a word.
 */
export const droppedAdditions = ({ base, ours, theirs, resolution }: Sides): string[] => {
  const [before, landed, change, result] = [base, ours, theirs, resolution].map((text) =>
    counted(linesOf(text)),
  ) as [Map<string, number>, Map<string, number>, Map<string, number>, Map<string, number>];
  const many = (counts: Map<string, number>, line: string) => counts.get(line) ?? 0;
  const known = (line: string) => before.has(line) || landed.has(line) || change.has(line);
  const written = [...result.keys()].filter((line) => !known(line)).map(wordsOf);
  const words = (text: string) => new Set(wordsOf(text));
  const [inBase, inChange] = [words(base), words(theirs)];
  const isJoined = (line: string): boolean => {
    const all = wordsOf(line);
    const own = all.filter((word) => !inBase.has(word) && !inChange.has(word));
    if (own.length > 0) return written.some((w) => own.every((word) => w.includes(word)));
    const kept = all.filter((word) => !inBase.has(word) || inChange.has(word));
    return kept.length > 0 && written.some((w) => holdsInOrder(w, kept));
  };
  return [...landed.keys()].filter((line) => {
    const added = many(landed, line) - many(before, line);
    if (added <= 0 || wordsOf(line).length === 0) return false;
    const wanted = added + Math.min(many(before, line), many(change, line));
    return many(result, line) < wanted && !isJoined(line);
  });
};
