import { setTimeout as sleep } from "node:timers/promises";
import { InfrastructureError, StoredEvent } from "@headrace/domain";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { Connection } from "./connection.ts";
import { STREAM } from "./event-stream.ts";
import { ErrorBody, receivedError } from "./wire.ts";

/** three heartbeats of the console: a stream that silent is dead */
const SILENCE_MS = 45_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 2000;
/** how long a factory may be away before its followers give up */
const GIVE_UP_MS = 30_000;

/**
 * Events of a run after `after`, each once and in order, through lost connections and restarts of the factory at the
 * same address. Ends with the run or the signal; throws `InfrastructureError` when the factory stays away.
 */
export async function* followEvents(
  connection: Connection,
  path: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<StoredEvent> {
  let last = after;
  let heard = Date.now();
  let delay = FIRST_DELAY_MS;
  while (!signal.aborted) {
    try {
      for await (const message of messages(connection, path, last, signal)) {
        heard = Date.now();
        delay = FIRST_DELAY_MS;
        if (message.event === STREAM.end) return;
        if (message.event === STREAM.error)
          throw receivedError(ErrorBody.parse(JSON.parse(message.data)));
        const event = StoredEvent.parse(JSON.parse(message.data));
        if (event.seq <= last) continue;
        last = event.seq;
        yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof InfrastructureError) || Date.now() - heard > GIVE_UP_MS) throw error;
    }
    await sleep(delay, undefined, { signal }).catch(() => {});
    delay = Math.min(delay * 2, MAX_DELAY_MS);
  }
}

/** The messages of one connection, until it ends. */
async function* messages(
  connection: Connection,
  path: string,
  last: number,
  signal: AbortSignal,
): AsyncGenerator<EventSourceMessage> {
  const over = new AbortController();
  const silent = () => over.abort(new InfrastructureError("the event stream fell silent"));
  const watchdog = setTimeout(silent, SILENCE_MS);
  const received: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => received.push(message) });
  const decoder = new TextDecoder();
  try {
    const response = await connection.open(`${path}/events`, {
      headers: { accept: "text/event-stream", "last-event-id": String(last) },
      signal: AbortSignal.any([signal, over.signal]),
    });
    for await (const chunk of response.body ?? []) {
      watchdog.refresh();
      parser.feed(decoder.decode(chunk, { stream: true }));
      yield* received.splice(0);
    }
  } catch (error) {
    throw connection.failure(error);
  } finally {
    clearTimeout(watchdog);
    // the reader may leave in the midst of the stream
    over.abort();
  }
}
