// Source text split into code, comments and strings, one character at a time: hostile files make regular
// expressions with nesting slow, and a `skip` in a string is no skip.

type Quote = {
  open: string;
  close: string;
  /** a backslash takes the next character with it */
  escapes?: boolean;
  /** goes on after the end of a line */
  lines?: boolean;
};

/** How a language writes what is not code. Longer openers come first. */
export type Syntax = {
  line: readonly string[];
  block: readonly (readonly [open: string, close: string])[];
  quotes: readonly Quote[];
  /** `/.../` after an operator is a regular expression */
  regex?: boolean;
  /** `'` also begins a lifetime or a label: a quote only where it closes within a few characters */
  shortChars?: boolean;
};

export type Source = {
  /** comments and the insides of strings are blanks; places are those of the original */
  code: string;
  /** only comments are blanks */
  plain: string;
};

/** More than this is no source that people write; it is not scanned. */
export const MAX_SOURCE = 1_000_000;

/** Each slash is looked at on its own, so that how far decides the time. */
const LONGEST_REGEX = 500;
const BEFORE_REGEX = /[(,=:[!&|?{;+*%~^-]$|\b(?:return|typeof|case|of|in)$/;

const regexEnd = (text: string, from: number): number | undefined => {
  if (!BEFORE_REGEX.test(text.slice(Math.max(0, from - 20), from).trimEnd() || ";"))
    return undefined;
  let inClass = false;
  const most = Math.min(text.length, from + LONGEST_REGEX);
  for (let at = from + 1; at < most && text[at] !== "\n"; at++) {
    const c = text[at];
    if (c === "\\") at++;
    else if (c === "[") inClass = true;
    else if (c === "]") inClass = false;
    else if (c === "/" && !inClass) return at + 1;
  }
  return undefined;
};

/** Where a string that begins at `from` ends, one past its closer; an unclosed one ends with its line. */
const quoteEnd = (text: string, from: number, quote: Quote): number => {
  let at = from + quote.open.length;
  for (; at < text.length; at++) {
    if (quote.escapes && text[at] === "\\") at++;
    else if (text.startsWith(quote.close, at)) return at + quote.close.length;
    else if (!quote.lines && text[at] === "\n") return at;
  }
  return text.length;
};

const isShortChar = (text: string, at: number): boolean =>
  text[at + 1] === "\\" ||
  text[at + 2] === "'" ||
  text.codePointAt(at + 1) !== text.charCodeAt(at + 1);

type Span = { kind: "comment" | "string"; end: number; edge: number };

const spanAt = (text: string, at: number, syntax: Syntax): Span | undefined => {
  const quote = syntax.quotes.find(({ open }) => text.startsWith(open, at));
  if (quote !== undefined) {
    if (quote.open === "'" && syntax.shortChars && !isShortChar(text, at)) return undefined;
    return { kind: "string", end: quoteEnd(text, at, quote), edge: quote.open.length };
  }
  if (syntax.line.some((open) => text.startsWith(open, at))) {
    const end = text.indexOf("\n", at);
    return { kind: "comment", end: end < 0 ? text.length : end, edge: 0 };
  }
  const block = syntax.block.find(([open]) => text.startsWith(open, at));
  if (block !== undefined) {
    const end = text.indexOf(block[1], at + block[0].length);
    return { kind: "comment", end: end < 0 ? text.length : end + block[1].length, edge: 0 };
  }
  if (syntax.regex && text[at] === "/") {
    const end = regexEnd(text, at);
    return end === undefined ? undefined : { kind: "string", end, edge: 1 };
  }
  return undefined;
};

/** Splits `text` in one pass; `${}` in a template counts as part of its string. */
export const readSource = (text: string, syntax: Syntax): Source => {
  const starts = new Set(
    [
      ...syntax.line,
      ...syntax.block.map(([open]) => open),
      ...syntax.quotes.map(({ open }) => open),
      ...(syntax.regex ? ["/"] : []),
    ].map((open) => open[0]),
  );
  const blank = (part: string) => part.replace(/[^\n]/g, " ");
  const code: string[] = [];
  const plain: string[] = [];
  let done = 0;
  for (let at = 0; at < text.length; ) {
    const span = starts.has(text[at]) ? spanAt(text, at, syntax) : undefined;
    if (span === undefined) {
      at++;
      continue;
    }
    const before = text.slice(done, at);
    const whole = text.slice(at, span.end);
    const inner = blank(whole.slice(span.edge, Math.max(span.edge, whole.length - span.edge)));
    code.push(before, whole.slice(0, span.edge), inner, whole.slice(span.edge + inner.length));
    plain.push(before, span.kind === "comment" ? blank(whole) : whole);
    at = Math.max(span.end, at + 1);
    done = at;
  }
  const rest = text.slice(done);
  return { code: code.join("") + rest, plain: plain.join("") + rest };
};

/** Counts lines up to places that only go forward. */
export const lineCounter = (text: string): ((index: number) => number) => {
  let at = 0;
  let line = 1;
  return (index) => {
    if (index < at) [at, line] = [0, 1];
    for (
      let next = text.indexOf("\n", at);
      next >= 0 && next < index;
      next = text.indexOf("\n", at)
    ) {
      at = next + 1;
      line++;
    }
    return line;
  };
};
