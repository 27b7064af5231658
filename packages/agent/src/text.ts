import { stripVTControlCharacters } from "node:util";

/** Characters of one tool result that a model is shown; about 4000 tokens. */
export const SHOWN_CHARS = 16_384;

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
