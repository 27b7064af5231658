import type { EventOf, EventType, StoredEvent } from "@headrace/domain";
import { eventWords } from "../view/event-line.ts";

/** What a person is called for: the word their command gets for it, and what is said of it. */
type News = { status: string; message: string };

/** What the next event's news depends on. */
export type Telling = {
  /** the event before this one says that a provider refuses its key, is out of credit or has no such model */
  readonly refused: boolean;
  /** until when waits were told (RFC 3339): steps that wait until the same moment are told of once */
  readonly waits: ReadonlySet<string>;
  /** from when steps wait and no call was answered (ms) */
  readonly silentSince: number | undefined;
  /** this silence was told */
  readonly silenceTold: boolean;
};

export const NOTHING_TOLD: Telling = {
  refused: false,
  waits: new Set(),
  silentSince: undefined,
  silenceTold: false,
};

const STATUS: Partial<Record<EventType, string>> = {
  "run.completed": "complete",
  "run.planned": "planned",
  "run.incomplete": "incomplete",
  "run.cancelled": "cancelled",
  "run.failed": "failed",
  "budget.stopped": "budget",
  "budget.parked": "parked",
  "step.deferred": "deferred",
  "question.asked": "question",
  "note.added": "provider",
};

/** Failures that a person must see to; the warning that says how comes with the first of them. */
const REFUSED: readonly string[] = ["auth", "credit", "gone"];

/** A shorter wait is no news to a person: limits of providers end within the hour. */
const LONG_WAIT_MS = 60 * 60_000;

/** Whether events of this type can be news. */
export const mayBeNews = ({ type }: StoredEvent): boolean => type in STATUS;

/** What a person is called for by this event of a run, if anything, and what is known after it. */
export const newsOf = (
  before: Telling,
  event: StoredEvent,
): { after: Telling; news: News | undefined } => {
  const refused = event.type === "model.failed" && REFUSED.includes(event.class);
  const now = { ...before, refused };
  switch (event.type) {
    case "model.called":
      // what is booked as estimated had no reply with a bill
      return event.estimated ? nothing(now) : nothing(answered(now));
    case "run.resumed":
      // a person was there
      return nothing({ ...now, silentSince: undefined });
    case "step.deferred":
      return ofWait(now, event);
    case "note.added":
      return before.refused && event.level === "warning" ? plain(now, event) : nothing(now);
    case "budget.parked":
      // whose budget it is stands in no words of the event
      return plain(now, event, `task ${event.task}: `);
    default:
      return plain(now, event);
  }
};

const nothing = (after: Telling) => ({ after, news: undefined });

const plain = (after: Telling, event: StoredEvent, about = "") => {
  const status = STATUS[event.type];
  if (status === undefined) return nothing(after);
  const words = eventWords(event);
  return { after, news: { status, message: words === undefined ? status : `${about}${words}` } };
};

const answered = (now: Telling): Telling => ({
  ...now,
  silentSince: undefined,
  silenceTold: false,
});

/** A long wait is news, and many short ones are once they have come to an hour without an answer. */
const ofWait = (now: Telling, event: EventOf<"step.deferred"> & StoredEvent) => {
  const [at, until] = [Date.parse(event.at), Date.parse(event.until)];
  const since = now.silentSince ?? at;
  if (until - at >= LONG_WAIT_MS) {
    // who knows of this wait need not hear of it before it should be over
    const after = { ...now, silentSince: Math.max(since, until) };
    if (now.waits.has(event.until)) return nothing(after);
    return plain({ ...after, waits: new Set([...now.waits, event.until]) }, event);
  }
  const after = { ...now, silentSince: since };
  if (now.silenceTold || at - since < LONG_WAIT_MS) return nothing(after);
  const { news } = plain(
    after,
    event,
    `no model has answered since ${new Date(since).toISOString()}; `,
  );
  return { after: { ...after, silenceTold: true }, news };
};
