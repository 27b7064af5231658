import { languageOf } from "../tamper/languages.ts";
import { readSource } from "../tamper/source.ts";

/** A logical line: what Python reads as one, over brackets, long strings and backslashes. */
export type LogicalLine = {
  /** where its physical line begins, and where the last one ends, before the line break */
  from: number;
  to: number;
  indent: string;
  /** its text without the indent, where comments and the insides of strings are blanks */
  code: string;
};

const OPEN = "([{";
const CLOSE = ")]}";

/** Where the string ends that begins at `from`, one past it; undefined where it has no end. */
const stringEnd = (code: string, from: number): number | undefined => {
  const quote = code[from] ?? "";
  const long = code.startsWith(quote.repeat(3), from);
  const closer = long ? quote.repeat(3) : quote;
  const close = code.indexOf(closer, from + closer.length);
  if (close < 0) return undefined;
  const end = close + closer.length;
  return long || !code.slice(from, end).includes("\n") ? end : undefined;
};

/** For each place of `code`, in how many brackets and strings it is; undefined where these do not match up. */
const depthsOf = (code: string): Uint32Array | undefined => {
  const depths = new Uint32Array(code.length);
  let depth = 0;
  for (let at = 0; at < code.length; at++) {
    const sign = code[at] ?? "";
    if (sign === '"' || sign === "'") {
      const end = stringEnd(code, at);
      if (end === undefined) return undefined;
      depths[at] = depth;
      depths.fill(depth + 1, at + 1, end - 1);
      depths[end - 1] = depth;
      at = end - 1;
      continue;
    }
    if (CLOSE.includes(sign)) depth--;
    if (depth < 0) return undefined;
    depths[at] = depth;
    if (OPEN.includes(sign)) depth++;
  }
  return depth === 0 ? depths : undefined;
};

/** Blanks for what stands in brackets and strings; their edges stay. */
export const outerPart = (code: string): string => {
  const depths = depthsOf(code);
  return Array.from(depths ?? [], (depth, at) => (depth === 0 ? code[at] : " ")).join("");
};

/** The logical lines of a file that hold code; none where its brackets or strings do not match up. */
export const logicalLines = (text: string): LogicalLine[] => {
  const syntax = languageOf("a.py")?.syntax;
  if (syntax === undefined) return [];
  const { code } = readSource(text, syntax);
  const depths = depthsOf(code);
  if (depths === undefined) return [];
  const lines: LogicalLine[] = [];
  let from = 0;
  for (let at = 0; at <= code.length; at++) {
    if (at < code.length && (code[at] !== "\n" || depths[at] !== 0 || goesOn(code, at))) continue;
    const indent = /^[ \t]*/.exec(text.slice(from, at))?.[0] ?? "";
    const own = code.slice(from + indent.length, at);
    if (own.trim() !== "") lines.push({ from, to: at, indent, code: own });
    from = at + 1;
  }
  return lines;
};

const goesOn = (code: string, lineEnd: number): boolean =>
  /\\\r?$/.test(code.slice(Math.max(0, lineEnd - 2), lineEnd));
