import { PRODUCT } from "@headrace/domain";

/** Marks that show nothing or reorder text: no title needs them, and they can make one line look like another. */
const HIDDEN = /[\p{Cf}\p{Cs}]/gu;
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}\s]+/gu;
const LINES = /\r\n|[\n\r\v\f\u0085\p{Zl}\p{Zp}]/u;
/** What git, or a person who searches the log, takes for a trailer. */
const TRAILER_LIKE = /^[A-Za-z0-9-]+\s*:/;
/** A title may well begin with a word and a colon, but not with one of our names. */
const OURS = new RegExp(`^(?=${PRODUCT}-)`, "i");

const SUBJECT_LENGTH = 120;
const BODY_LENGTH = 4000;

/** An agent's words as one line. */
const oneLine = (text: string, max = SUBJECT_LENGTH): string => {
  const line = text.replace(HIDDEN, "").replace(BREAKS, " ").trim();
  return line.length <= max ? line : `${[...line].slice(0, max - 3).join("")}...`;
};

/** An agent's words as lines of which none is a trailer. */
const quoted = (text: string): string =>
  text
    .slice(0, BODY_LENGTH)
    .split(LINES)
    .map((line) => oneLine(line, BODY_LENGTH))
    .map((line) => (TRAILER_LIKE.test(line) ? `> ${line}` : line))
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();

/** A commit message of the factory: whatever agents wrote, its trailers are ours alone. */
export const commitMessage = (message: {
  subject: string;
  body?: string;
  trailers?: ReadonlyArray<readonly [string, string]>;
}): string => {
  const { subject, body = "", trailers = [] } = message;
  const paragraphs = [
    oneLine(subject).replace(OURS, "> ") || "No title",
    quoted(body),
    trailers.map(([name, value]) => `${name}: ${oneLine(value, BODY_LENGTH)}`).join("\n"),
  ];
  return `${paragraphs.filter((paragraph) => paragraph !== "").join("\n\n")}\n`;
};
