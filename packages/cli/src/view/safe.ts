import { stripVTControlCharacters } from "node:util";

// C0 and C1 controls, bidirectional overrides, zero-width and line separators: none of them may act on a terminal
const UNSAFE = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** Text of the run (a title, a reason, a path) on one line, without anything a terminal would act on. */
export const safe = (text: string, max = 300): string => {
  const line = stripVTControlCharacters(text).replace(/\s+/g, " ").replace(UNSAFE, "").trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
};
