import type { CandidateRow } from "./health.ts";
import { CACHE_MS, CALL_MS } from "./limits.ts";

/** How long others wait for the first call with a prefix: a reply that has not begun by then may be long in coming. */
const HOLD_MS = 15_000;

type Prefixes = CandidateRow["prefixes"];

/** Until when a call with the prefix is held, at most: another writes what it is to read. */
export const prefixBlock = (
  prefixes: Prefixes,
  prefix: string,
  at: number,
): { until: number } | undefined => {
  const known = prefixes[prefix];
  return known?.state === "held" && at < known.until ? { until: known.until } : undefined;
};

/** The first call with a prefix that is not known to be cached holds the others. `isUnderWay`: the call is. */
export const prefixSent = (
  prefixes: Prefixes,
  { prefix, call, at }: { prefix: string; call: string; at: number },
  isUnderWay: (call: string) => boolean,
): Prefixes => {
  const known = prefixes[prefix];
  const stands = known?.state === "warm" ? at < known.until : known && isUnderWay(known.call);
  return stands === true
    ? prefixes
    : { ...prefixes, [prefix]: { state: "held", call, until: at + HOLD_MS } };
};

/** The reply to a call with the prefix has begun, so the cache holds it from now on. Entries gone cold are left out. */
export const prefixWarm = (prefixes: Prefixes, prefix: string, at: number): Prefixes => ({
  ...Object.fromEntries(
    Object.entries(prefixes).filter(
      ([, known]) => at < known.until + (known.state === "held" ? CALL_MS : 0),
    ),
  ),
  [prefix]: { state: "warm", until: at + CACHE_MS },
});

export const isHeldBy = (prefixes: Prefixes, prefix: string, call: string): boolean => {
  const known = prefixes[prefix];
  return known?.state === "held" && known.call === call;
};

/** The call wrote nothing: the next one is the first. */
export const prefixFreed = (prefixes: Prefixes, prefix: string, call: string): Prefixes => {
  if (!isHeldBy(prefixes, prefix, call)) return prefixes;
  const { [prefix]: _, ...others } = prefixes;
  return others;
};
