import type { Circuit } from "./health.ts";
import { CALL_MS } from "./limits.ts";

/** Trips when `failures` of the newest `of` results failed, as far as they are from within `withinMs`. */
const TRIP = { failures: 5, of: 10, withinMs: 120_000 } as const;

/**
 * Trips, too, when so many calls in a row failed that had each been under way for so long, however far apart: hangs are
 * told of one idle bound after the other, so a few callers never have enough of them within `TRIP`, and each may be billed.
 */
const HANGS = { inARow: 2, fromMs: 60_000 } as const;
const FIRST_OPEN_MS = 5_000;
const LONGEST_OPEN_MS = 5 * 60_000;

export const CLOSED: Circuit = { state: "closed", results: [] };

const openMs = (trips: number): number =>
  Math.min(LONGEST_OPEN_MS, FIRST_OPEN_MS * 2 ** (trips - 1));

const opened = (trips: number, at: number): Circuit => ({
  state: "open",
  until: at + openMs(trips),
  trips,
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
    if (failures >= TRIP.failures || hangs >= HANGS.inARow) return opened(1, at);
    return { state: "closed", results, ...(hangs === 0 ? {} : { hangs }) };
  }
  // calls that were sent before it opened decide nothing: only its probe does
  if (circuit.probe?.call !== call) return circuit;
  if (ok === true) return CLOSED;
  if (ok === false) return opened(circuit.trips + 1, at);
  const { probe: _, ...without } = circuit;
  return without;
};
