import { createHash } from "node:crypto";
import {
  type CallRow,
  type ClassedCall,
  canonicalJson,
  classedSums,
  type NewEvent,
  NO_USAGE,
  type Settled,
} from "@headrace/domain";
import type { Booking } from "./booking.ts";

/**
 * The events of a settlement. A released call has no `model.called`, any other one, of the cost that was reported for it;
 * what it was booked at stands in the event that is appended.
 */
export const tellSettled = (
  { id, cost }: Settled,
  booking: Booking,
  events: readonly NewEvent[],
): NewEvent[] => {
  const told = events.filter((event) => event.type === "model.called");
  const wrong = (told.length > 1 ? undefined : told[0]?.cost) !== cost || told[0]?.call !== id;
  if (booking.state === "released" ? told.length > 0 : wrong) {
    const said = told.map((event) => `${event.cost} for ${event.call}`).join(", ");
    throw new Error(
      `call ${id} is ${booking.state} and costs ${cost}, but its model.called events say ${said || "nothing"}`,
    );
  }
  return events.map((event) =>
    event.type === "model.called" ? { ...event, cost: booking.cost, ...excessOf(booking) } : event,
  );
};

/** The event by which the fold learns of a call whose worker is gone. */
export const tellOrphan = ({ id, task, attempt, ...call }: CallRow): NewEvent => ({
  type: "model.called",
  call: id,
  step: call.step,
  role: call.role,
  provider: call.provider,
  model: call.model,
  usage: NO_USAGE,
  cost: call.cost,
  estimated: true,
  durationMs: 0,
  ...(task === undefined ? {} : { task }),
  ...(attempt === undefined ? {} : { attempt }),
});

export const tellAdjusted = (
  { id, cost: was, task, attempt }: CallRow,
  booking: Booking,
  { work, reason }: { work: number | undefined; reason: string },
): NewEvent => ({
  type: "model.adjusted",
  call: id,
  was,
  cost: booking.cost,
  reason,
  ...(work === undefined ? {} : { work }),
  ...excessOf(booking),
  ...(task === undefined ? {} : { task }),
  ...(attempt === undefined ? {} : { attempt }),
});

/** The events of calls that were classed; the one that tells their sums gets the hash of what it tells of. */
export const tellClassed = (
  calls: readonly ClassedCall[],
  events: readonly NewEvent[],
): NewEvent[] => {
  const sums = classedSums(calls);
  const told = events.filter((event) => event.type === "spend.classed");
  const said = told.map(({ converted, overhead, waste, calls: count }) =>
    canonicalJson({ converted, overhead, waste, calls: count }),
  );
  if (said.length !== 1 || said[0] !== canonicalJson(sums))
    throw new Error(
      `calls of ${canonicalJson(sums)} were classed, but their events say ${said.join(", ") || "nothing"}`,
    );
  const parts = createHash("sha256").update(canonicalJson(calls)).digest("hex");
  return events.map((event) => (event.type === "spend.classed" ? { ...event, parts } : event));
};

const excessOf = ({ excess }: Booking) => (excess === 0 ? {} : { excess });
