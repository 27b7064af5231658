/**
 * Escape sequences as ECMA-48 writes them: control sequences, strings that end on their line, and short ones. No part
 * takes the beginning of another sequence, so that hostile text is read in linear time.
 */
const SEQUENCE = new RegExp(
  [
    "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]?",
    "(?:\\x1b[PX\\]^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x00-\\x1f\\x7f-\\x9f]*(?:\\x07|\\x1b\\\\|\\x9c)",
    "\\x1b[ -/]*[0-~]",
  ].join("|"),
  "g",
);

/**
 * What acts on a terminal instead of being shown: C0 and C1 controls, bidirectional overrides, zero-width and line
 * separators, and the tag characters that spell unseen words. Not all of `\p{C}`: some of it is ordinary text, or a
 * character newer than this program.
 */
const ACTING = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

const replaceActing = (text: string, instead: (character: string) => string): string =>
  text.replace(ACTING, (c) => (c === "\n" || c === "\t" ? c : instead(c)));

/** Text of a run, a repository or a sandbox on one line of at most `max` characters that drives no terminal. */
export const plainLine = (text: string, max = 300): string => {
  const line = text.replace(SEQUENCE, "").replace(/\s+/g, " ").replace(ACTING, "").trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
};

/** Lines that drive no terminal, whoever wrote them: line breaks and tabs stay. */
export const plainText = (text: string): string =>
  replaceActing(text.replace(SEQUENCE, ""), () => "");

/** JSON that drives no terminal: what would is escaped, so that a program reads what was there. */
export const plainJson = (json: string): string =>
  replaceActing(json, (character) =>
    character
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
