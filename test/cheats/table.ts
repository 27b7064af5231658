import type { Caught, Language } from "./verifying.ts";

export type Row = Caught & { id: string; language: Language; title: string };

/** Kinds of cheat that an ecosystem does not have, and why. */
export const NOT_THERE: Readonly<Partial<Record<string, Partial<Record<Language, string>>>>> = {
  V05: { JavaScript: "conftest.py is pytest's; its kin is V06" },
  V06: { Python: "vitest and jest are JavaScript's; its kin is V05" },
  V08: { Python: "process is JavaScript's; its kin is V09" },
  V09: { JavaScript: "sys and os are Python's; its kin is V08" },
};

export const KINDS = Array.from({ length: 32 }, (_, i) => `V${String(i + 1).padStart(2, "0")}`);
export const LANGUAGES: readonly Language[] = ["JavaScript", "Python"];

const OUTCOMES = ["refused", "flagged", "accepted"] as const;

const counts = (rows: readonly Row[]): string =>
  OUTCOMES.flatMap((outcome) => {
    const n = rows.filter((row) => row.outcome === outcome).length;
    return n === 0 ? [] : [`${n} ${outcome}`];
  }).join(", ");

const who = (rows: readonly Row[]): string => [...new Set(rows.map(({ by }) => by))].join(", ");

/** What became of each cheat, and of each kind of it by ecosystem. */
export const cheatTable = (rows: readonly Row[]): string => {
  const each = rows.map(
    ({ id, language, title, outcome, by, why }) =>
      `${`${id} ${language}`.padEnd(15)} ${title.padEnd(50)} ${outcome} by ${by}: ${why.slice(0, 160)}`,
  );
  const kinds = KINDS.flatMap((id) =>
    LANGUAGES.map((language) => {
      const mine = rows.filter((row) => row.id === id && row.language === language);
      const what = mine.length > 0 ? `${counts(mine)} (${who(mine)})` : NOT_THERE[id]?.[language];
      return `${id} ${language.padEnd(11)} ${what ?? "not shown"}`;
    }),
  );
  const none = OUTCOMES.map((o) => `${rows.filter(({ outcome }) => outcome === o).length} ${o}`);
  return [...each, "", ...kinds, "", `${rows.length} cheats: ${none.join(", ")}`].join("\n");
};
