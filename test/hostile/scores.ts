import type { Verdict } from "./case.ts";

type Score = { letter: string; verdict: Verdict; held: boolean; ms: number };

const scores: Score[] = [];
export const score = (one: Score): void => void scores.push(one);

const VERDICTS: readonly Verdict[] = ["refused", "contained", "fails", "sanitised", "harmless"];

const row = (cells: readonly (string | number)[]): string =>
  cells.map((cell, i) => (i === 0 ? String(cell).padEnd(8) : String(cell).padStart(10))).join("");

const rowOf = (name: string, some: readonly Score[]): string => {
  const count = (verdict: Verdict) => some.filter((one) => one.verdict === verdict).length;
  const seconds = some.reduce((sum, one) => sum + one.ms, 0) / 1000;
  return row([
    name,
    some.length,
    ...VERDICTS.map(count),
    some.filter((one) => !one.held).length,
    seconds.toFixed(1),
  ]);
};

/** Cases per letter with their verdicts, how many did not hold, and what they took. */
export const scoreTable = (): string => {
  const letters = [...new Set(scores.map((one) => one.letter))];
  return [
    row(["letter", "cases", ...VERDICTS, "not held", "seconds"]),
    ...letters.map((letter) =>
      rowOf(
        letter,
        scores.filter((one) => one.letter === letter),
      ),
    ),
    rowOf("all", scores),
  ].join("\n");
};
