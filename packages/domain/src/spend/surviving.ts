import type { LineChanges } from "../ports/repo.ts";

/** Of an attempt's own lines, how many stand in what landed. */
export type Share = { survived: number; of: number };

/** Of each attempt of a task, by its number. */
export type Shares = ReadonlyMap<number, Share>;

const counted = (lines: readonly string[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
};

/** How many of `lines` are among what is left, from which they are taken. */
const take = (lines: readonly string[], left: Map<string, number>): number => {
  let taken = 0;
  for (const line of lines) {
    const count = left.get(line) ?? 0;
    if (count === 0) continue;
    left.set(line, count - 1);
    taken += 1;
  }
  return taken;
};

/**
 * Which of the lines that each attempt wrote stand in what the task landed. A line that several wrote is the last
 * writer's; an attempt that added none has the lines that it took away.
 */
export const survivingShares = (
  landed: LineChanges,
  attempts: ReadonlyArray<{ attempt: number; lines: LineChanges }>,
): Shares => {
  const left = { added: counted(landed.added), removed: counted(landed.removed) };
  const shares = attempts
    .toSorted((a, b) => b.attempt - a.attempt)
    .map(({ attempt, lines }): [number, Share] => {
      const side = lines.added.length > 0 ? "added" : "removed";
      return [attempt, { survived: take(lines[side], left[side]), of: lines[side].length }];
    });
  return new Map(shares);
};
