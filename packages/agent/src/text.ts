import { stripVTControlCharacters } from "node:util";

/** Characters of one tool result that a model is shown; about 4000 tokens. */
export const SHOWN_CHARS = 16_384;
/** Of all results of one turn, about 16,000 tokens; what comes after them is shown by its ends alone. */
const TURN_CHARS = 4 * SHOWN_CHARS;
const ENDS_CHARS = 512;

/**
 * Characters of a turn's next result that the model is shown. So a turn adds at most 16,000 tokens and 128 for each
 * further call: with a reply of 16,000 tokens, a conversation that hands off at half of a window of 200,000 stays
 * below all of it with 500 calls in one reply.
 */
export const shownChars = (before: readonly string[]): number => {
  const shown = before.reduce((sum, text) => sum + text.length, 0);
  return Math.max(ENDS_CHARS, Math.min(SHOWN_CHARS, TURN_CHARS - shown));
};

/**
 * Text from a sandbox made safe for JSON and a provider: no escapes, NUL or lone surrogates. A model drives no terminal
 * and must see what is there, such as line breaks and zero-width characters: what is shown to a person is `plainText`.
 */
export const safeText = (text: string): string =>
  stripVTControlCharacters(text).replaceAll("\u0000", "\uFFFD").toWellFormed();

/** Bytes as UTF-8 with every invalid sequence replaced; a byte order mark is kept, so that it can be written back. */
export const decode = (bytes: Uint8Array): string =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

/** The first and last part of a text that is too long, with a line between them that says what was left out. */
export const headAndTail = (text: string, max: number, where: string): string => {
  const half = Math.floor(max / 2);
  const left = text.length - 2 * half;
  const gap = `\n[... ${left} characters left out; ${where} ...]\n`;
  return `${text.slice(0, half)}${gap}${text.slice(-half)}`.toWellFormed();
};
