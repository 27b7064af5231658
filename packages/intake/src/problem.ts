import { UserError } from "@headrace/domain";

/** Where in an input file something is wrong, and what to do about it. */
export type Problem = {
  file: string;
  line?: number | undefined;
  field?: string | undefined;
  problem: string;
  remedy: string;
};

/** `spec.md:3: budget: expected ..., got -5` and the remedy on a line of its own. */
export const inputError = ({ file, line, field, problem, remedy }: Problem): UserError => {
  const place = line === undefined ? file : `${file}:${line}`;
  return new UserError(`${place}: ${field === undefined ? "" : `${field}: `}${problem}`, remedy);
};

const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, x] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, y] of [...b].entries())
      next.push(
        Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (x === y ? 0 : 1)),
      );
    row = next;
  }
  return row[b.length] ?? 0;
};

/** The known name that a misspelt one most likely means. */
export const nearest = (name: string, known: readonly string[]): string | undefined => {
  if (name.length > 40) return undefined;
  const ranked = known
    .map((candidate) => ({ candidate, away: distance(name.toLowerCase(), candidate) }))
    .sort((a, b) => a.away - b.away);
  const best = ranked[0];
  return best !== undefined && best.away <= Math.max(1, Math.floor(name.length / 3))
    ? best.candidate
    : undefined;
};
