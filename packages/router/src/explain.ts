import type { Consideration } from "@headrace/domain";
import type { Standing } from "./standing.ts";

const WORDS: Readonly<Record<Consideration, string>> = {
  chosen: "is taken",
  "not-needed": "is not as good a choice",
  incapable: "lacks what the route needs",
  context: "has too small a window",
  unpriced: "has no price",
  "over-budget": "costs more than a budget holds",
  "circuit-open": "has failed too often",
  "rate-limited": "takes no more calls for now",
  busy: "has as many calls as it takes",
  "prefix-held": "is being sent what this call begins with",
  "out-of-credit": "is out of credit",
  auth: "refuses the key",
  gone: "is not known to its provider",
  unproven: "calls the request invalid and has taken none of this run",
  failed: "has failed in this turn",
  "backing-off": "is left alone for now",
  "same-as-author": "wrote what is judged",
};

/** For people: what keeps each candidate from being taken. */
export const explain = (standings: readonly Standing[]): string =>
  standings
    .map(({ key, block }) => {
      const { why, until } = block ?? { why: "not-needed" };
      return `${key} ${WORDS[why]}${until === undefined ? "" : `, until ${new Date(until).toISOString()}`}`;
    })
    .join("; ");
