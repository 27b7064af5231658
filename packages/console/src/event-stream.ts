import type { StoredEvent } from "@headrace/domain";
import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { ErrorBody } from "./wire.ts";

/** Names of the stream's own messages; those without a name are stored events. */
export const STREAM = { end: "end", error: "error" } as const;

/**
 * Sends events as server-sent events with their seq as id, then `end`. Comments show a quiet stream to be alive;
 * when the client leaves, the events are no longer asked for.
 */
export const streamEvents = (
  context: Context,
  events: (signal: AbortSignal) => AsyncIterable<StoredEvent>,
  options: { heartbeatMs: number; describe: (error: unknown) => ErrorBody },
): Response =>
  streamSSE(context, async (stream) => {
    const gone = new AbortController();
    stream.onAbort(() => gone.abort());
    const beat = () => void stream.write(": alive\n\n");
    beat();
    const heart = setInterval(beat, options.heartbeatMs);
    try {
      for await (const event of events(gone.signal))
        await stream.writeSSE({ id: String(event.seq), data: JSON.stringify(event) });
      await stream.writeSSE({ event: STREAM.end, data: "" });
    } catch (error) {
      const data = JSON.stringify(options.describe(error));
      await stream.writeSSE({ event: STREAM.error, data });
    } finally {
      clearInterval(heart);
    }
  });
