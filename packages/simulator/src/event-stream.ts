import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { StreamEvent } from "./message.ts";

const PING_MS = 5_000;

const encode = (event: StreamEvent): string =>
  `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

/** Server-sent events, each flushed before the next is written, so that a cut leaves what came before it. */
export class EventStream {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse, requestId: string, headers: Record<string, string>) {
    this.#response = response;
    response.writeHead(200, {
      ...headers,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "request-id": requestId,
    });
    response.flushHeaders();
  }

  async send(events: readonly StreamEvent[]): Promise<void> {
    for (const event of events) await this.#write(encode(event));
  }

  /** A line that says nothing but that the connection lives. */
  async comment(text: string): Promise<void> {
    await this.#write(`: ${text}\n\n`);
  }

  /** Sends pings until `work` is done, so that a long wait does not look like a dead connection. */
  async keepAliveDuring<T>(work: Promise<T>): Promise<T> {
    const done = new AbortController();
    const pings = this.#ping(done.signal);
    try {
      return await work;
    } finally {
      done.abort();
      await pings;
    }
  }

  end(): void {
    this.#response.end();
  }

  /** Breaks the connection without ending the reply. */
  cut(): void {
    this.#response.destroy();
  }

  async #write(text: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#response.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  async #ping(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await sleep(PING_MS, undefined, { signal });
        await this.send([{ type: "ping" }]);
      }
    } catch {
      // the wait is over, or the client has gone: the stream's own next write tells
    }
  }
}
