import { stripVTControlCharacters } from "node:util";

// C0 and C1 controls, bidirectional overrides, zero-width and line separators, and the tag characters that spell
// unseen words: none of them may act on a terminal
const UNSAFE = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/** Text of the run (a title, a reason, a path) on one line, without anything a terminal would act on. */
export const safe = (text: string, max = 300): string => {
  const line = stripVTControlCharacters(text).replace(/\s+/g, " ").replace(UNSAFE, "").trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
};

const escaped = (character: string): string =>
  [...character.split("")]
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");

/**
 * What a command prints, whoever wrote it: line breaks and tabs stay, everything else a terminal would act on goes.
 * In JSON it is escaped instead, so that a program reads what was there.
 */
export const printable = (text: string): string => {
  if (/^[{[]/.test(text)) return text.replace(UNSAFE, (c) => (/[\n\t]/.test(c) ? c : escaped(c)));
  return stripVTControlCharacters(text).replace(UNSAFE, (c) => (/[\n\t]/.test(c) ? c : ""));
};
