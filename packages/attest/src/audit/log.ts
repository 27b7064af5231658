import { createHash } from "node:crypto";
import { fold, type RunState, StoredEvent } from "@headrace/domain";
import { type AuditOptions, type StoredText, type Tally, Violation } from "./records.ts";

/** The log as it was written, with the state that each event found. */
export type Log = {
  entries: readonly { event: StoredEvent; before: RunState | undefined }[];
  /** what all of it folds to */
  state: RunState;
};

export const sha256 = (bytes: Uint8Array | string): string =>
  createHash("sha256").update(bytes).digest("hex");

const eventOf = (run: string, { body, hash }: StoredText, seq: number, prev: string) => {
  const broken = (reason: string) => new Violation(`event ${seq} of run ${run}`, reason);
  if (sha256(body) !== hash) throw broken("its content does not match its hash");
  let event: StoredEvent;
  try {
    event = { ...JSON.parse(body), hash };
  } catch {
    throw broken("is not JSON");
  }
  if (event.run !== run) throw broken(`belongs to run ${event.run}`);
  if (event.seq !== seq) throw broken(`says that it is event ${event.seq}`);
  if (event.prev !== prev) throw broken("does not follow from the event before it");
  const { error } = StoredEvent.safeParse(event);
  if (error !== undefined) {
    const [issue] = error.issues;
    throw broken(`is not of its form: ${issue?.path.join(".")} ${issue?.message}`);
  }
  return event;
};

/** Every event is there, in its place, with the content it was hashed with, up to where the run's row says. */
export const readLog = ({ run, stored }: AuditOptions, tally: Tally): Log => {
  const entries: { event: StoredEvent; before: RunState | undefined }[] = [];
  let state: RunState | undefined;
  let prev = "";
  for (const [i, text] of stored.events.entries()) {
    const seq = i + 1;
    if (text.seq !== seq)
      throw new Violation(`event ${seq} of run ${run}`, `is missing: event ${text.seq} comes next`);
    const event = eventOf(run, text, seq, prev);
    entries.push({ event, before: state });
    try {
      state = fold(state, event);
    } catch (cause) {
      throw new Violation(`event ${seq} of run ${run}`, `cannot follow: ${String(cause)}`);
    }
    prev = event.hash;
  }
  const { head } = stored;
  const next = stored.events.length + 1;
  if (state === undefined || head === undefined)
    throw new Violation(`run ${run}`, state === undefined ? "has no events" : "has no row");
  if (head.seq >= next) throw new Violation(`event ${next} of run ${run}`, "is missing at the end");
  if (head.seq < next - 1 || head.hash !== prev)
    throw new Violation(`row of run ${run}`, `stands at another event ${head.seq} than the log`);
  tally.add("events follow from one another without a gap", entries.length);
  return { entries, state };
};
