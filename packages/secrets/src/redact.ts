/** A text without the secrets it was made for, and without what has the form of a provider's key. */
export type Redact = (text: string) => string;

const REDACTED = "[redacted]";
const SHORT = "***";
/** Never longer than the secret: the text may be as long as it is allowed to be. */
const inPlaceOf = (secret: string): string => (secret.length < REDACTED.length ? SHORT : REDACTED);

/** A shorter value would be found in ordinary words. */
const MIN_LENGTH = 8;

/**
 * Forms that are keys wherever they stand: a value nobody told us of is taken out as well. A lookbehind is tried at
 * every place, so it is bounded.
 */
const KEY_FORMS: readonly RegExp[] = [
  /\bsk-[a-zA-Z0-9_-]{20,}/g,
  /\bgh[pousr]_[A-Za-z0-9]{30,}/g,
  /\bgithub_pat_[A-Za-z0-9_]{50,}/g,
  /\bglpat-[A-Za-z0-9_-]{20,}/g,
  /\bnpm_[A-Za-z0-9]{36}\b/g,
  /\bxox[abprs]-[A-Za-z0-9-]{20,}/g,
  /\bAKIA[0-9A-Z]{16}\b/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*?(?:-----END [A-Z ]*PRIVATE KEY-----|(?=")|$)/g,
  // of a scheme any token; without one only what has a digit, as code names its variables and headers there too
  /(?<=\b(?:authorization|proxy-authorization|x-api-key|_authToken)(?:\\?["'])?\s{0,20}[:=]\s{0,20}(?:\\?["'])?)(?:(?:bearer|basic)\s{1,20}[\w+/=.~-]{8,}|(?=[\w+/=.~-]{0,400}\d)[\w+/=.~-]{8,}(?![\w$]*[(]))/gi,
  /(?<=:\/\/[^\s/:@]{0,100}:)[^\s/@"'\\,]{3,200}(?=@)/g,
];

/** How a value may be written: as it is, inside JSON, in a URL, in hex, and at each of base64's three offsets. */
const formsOf = (value: string): string[] => {
  const bytes = Buffer.from(value);
  const shifted = [0, 1, 2].map((offset) =>
    // the first and last characters also hold bits of what stands beside the value
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replace(/=+$/, "")
      .slice(offset === 0 ? 0 : offset + 1, -1),
  );
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    bytes.toString("hex"),
    ...shifted,
  ];
};

/**
 * Takes `values` out of texts in every form a log would show them in, and keys of known forms. Values shorter than
 * 8 characters are left alone.
 */
export const createRedactor = (values: readonly string[]): Redact => {
  const forms = [
    ...new Set(values.filter((value) => value.length >= MIN_LENGTH).flatMap(formsOf)),
  ].sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const form of forms) clean = clean.replaceAll(form, inPlaceOf);
    for (const form of KEY_FORMS) clean = clean.replace(form, inPlaceOf);
    return clean;
  };
};
