import type { Circuit } from "./health.ts";
import { CALL_MS } from "./limits.ts";

/** Trips when `failures` of the newest `of` results failed, as far as they are from within `withinMs`. */
const TRIP = { failures: 5, of: 10, withinMs: 120_000 } as const;

/**
 * Trips, too, when so many calls in a row failed that had each been under way for so long, however far apart: hangs are
 * told of one idle bound after the other, so four callers never have enough of them within `TRIP`. Each may be billed.
 */
const HANGS = { inARow: 2, fromMs: 60_000 } as const;

/** How long it is open at first and at most; a probe that hangs holds a whole call's money for as long as it hangs. */
const OPEN = {
  failures: { firstMs: 5_000, longestMs: 5 * 60_000 },
  hangs: { firstMs: 5 * 60_000, longestMs: 60 * 60_000 },
} as const;

export const CLOSED: Circuit = { state: "closed", results: [] };

const openMs = (by: keyof typeof OPEN, trips: number): number =>
  Math.min(OPEN[by].longestMs, OPEN[by].firstMs * 2 ** (trips - 1));

const opened = (by: keyof typeof OPEN, trips: number, at: number): Circuit => ({
  state: "open",
  until: at + openMs(by, trips),
  trips,
  ...(by === "hangs" ? { hung: true } : {}),
});

/** What keeps a call out: a time to wait for, or the call that is trying already. */
export const circuitBlock = (
  circuit: Circuit,
  at: number,
): { until: number; probed: boolean } | undefined => {
  if (circuit.state === "closed") return undefined;
  if (at < circuit.until) return { until: circuit.until, probed: false };
  if (circuit.probe === undefined || at >= circuit.probe.until) return undefined;
  return { until: circuit.probe.until, probed: true };
};

/** A call is let through: where the circuit is not closed, it is its probe. */
export const circuitSent = (circuit: Circuit, call: string, at: number): Circuit =>
  circuit.state === "closed" ? circuit : { ...circuit, probe: { call, until: at + CALL_MS } };

/**
 * `ok`: it answered as it should; `undefined`: how it came out says nothing about whether it works. `tookMs`: how long it
 * was under way.
 */
export const circuitAnswered = (
  circuit: Circuit,
  { call, ok, tookMs }: { call: string; ok: boolean | undefined; tookMs: number },
  at: number,
): Circuit => {
  if (circuit.state === "closed") {
    if (ok === undefined) return circuit;
    const results = [...circuit.results, { at, ok }]
      .filter((result) => at - result.at < TRIP.withinMs)
      .slice(-TRIP.of);
    const failures = results.filter((result) => !result.ok).length;
    const hung = !ok && tookMs >= HANGS.fromMs;
    const hangs = ok ? 0 : (circuit.hangs ?? 0) + Number(hung);
    if (hangs >= HANGS.inARow) return opened("hangs", 1, at);
    if (failures >= TRIP.failures) return opened("failures", 1, at);
    return { state: "closed", results, ...(hangs === 0 ? {} : { hangs }) };
  }
  // calls that were sent before it opened decide nothing: only its probe does
  if (circuit.probe?.call !== call) return circuit;
  if (ok === true) return CLOSED;
  if (ok === false) {
    const by = circuit.hung ? "hangs" : "failures";
    return opened(by, circuit.trips + 1, at);
  }
  const { probe: _, ...without } = circuit;
  return without;
};
