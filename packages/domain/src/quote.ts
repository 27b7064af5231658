import type { Span } from "./spec.ts";

const words = (text: string): string => text.normalize("NFC").replace(/\s+/gu, " ").trim();

/** Fewer letters and digits than this and a quote occurs anywhere by chance. */
export const MIN_QUOTE = 12;

/** Letters and digits of a quote: what it can be recognised by. */
export const quoteWeight = (quote: string): number => quote.match(/[\p{L}\p{N}]/gu)?.length ?? 0;

/**
 * The lines of `text` on which `quote` first stands, with every run of whitespace (line breaks included) taken
 * as one space and nothing else forgiven; undefined where it does not.
 */
export const findQuote = (text: string, quote: string): Span | undefined => {
  const wanted = words(quote);
  if (wanted === "") return undefined;
  let flat = "";
  const starts: { offset: number; line: number }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const content = words(line);
    if (content === "") continue;
    if (flat !== "") flat += " ";
    starts.push({ offset: flat.length, line: index + 1 });
    flat += content;
  }
  const from = flat.indexOf(wanted);
  if (from < 0) return undefined;
  const lineAt = (offset: number): number =>
    starts.findLast((start) => start.offset <= offset)?.line ?? 1;
  return { from: lineAt(from), to: lineAt(from + wanted.length - 1) };
};
