import type { Attestor } from "@headrace/attest";
import type { EventOf, StoredEvent } from "@headrace/domain";
import type { Forger } from "./forger.ts";

/** What was done to a data directory, and the object that an audit must name. */
export type Tampering = [
  what: string,
  forge: (by: Forger, stolen: Attestor) => void | Promise<void>,
  object: RegExp,
];

export type Written = ReturnType<Forger["events"]>[number];
export const isOf =
  <T extends StoredEvent["type"]>(type: T) =>
  (event: Written): event is Written & EventOf<T> =>
    event.type === type;
export const last = <T extends StoredEvent["type"]>(events: readonly Written[], type: T) => {
  const found = events.findLast(isOf(type));
  if (found === undefined) throw new Error(`the demo has no ${type}`);
  return found;
};
/** The receipt on which the last landing stands. */
export const lastReceipt = (events: readonly Written[]) => {
  const { receipt } = last(events, "merge.landed");
  const found = events.filter(isOf("receipt.recorded")).find((e) => e.receipt.id === receipt);
  if (found === undefined) throw new Error(`receipt ${receipt} is not in the log`);
  return found;
};
/** Changes a receipt wherever the log has it. */
export const changeReceipt = (
  events: readonly Written[],
  change: (receipt: EventOf<"receipt.recorded">["receipt"]) => void,
) => {
  const { id } = lastReceipt(events).receipt;
  for (const event of events) {
    if (isOf("receipt.recorded")(event) && event.receipt.id === id) change(event.receipt);
    if (isOf("step.finished")(event) && event.result.kind === "verify")
      if (event.result.receipt.id === id) change(event.result.receipt);
  }
};
