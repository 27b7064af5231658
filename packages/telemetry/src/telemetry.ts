import type { Clock, Store, StoredEvent } from "@headrace/domain";
import type { Collector, Sink } from "./otlp.ts";
import { type ProviderNames, signalsOf } from "./signals.ts";

export type TelemetryOptions = {
  store: Pick<Store, "onCommit" | "state">;
  clock: Pick<Clock, "sleep">;
  to: Collector;
  /** by the installation's own ids */
  providers: ProviderNames;
  service: { name: string; version: string; instance: string };
  /** how long a collector may take for one request, and for all that is left when the factory closes; 5 s unless given */
  timeoutMs?: number;
  log(line: string): void;
};

const TIMEOUT_MS = 5_000;
const METRICS_EVERY_MS = 60_000;

/**
 * Tells a collector what is committed from now on: spans as they end, metrics once a minute. No commit waits for it,
 * and a collector that is away costs what it would have been told. Closing sends what is left, within a bound.
 */
export const openTelemetry = async (options: TelemetryOptions): Promise<AsyncDisposable> => {
  const { store, clock, to, providers, service, timeoutMs = TIMEOUT_MS, log } = options;
  // what it takes is loaded only where somebody listens
  const { createSink } = await import("./otlp.ts");
  const sink = createSink({ to, service, timeoutMs, everyMs: METRICS_EVERY_MS });
  let last: Promise<void> = Promise.resolve();
  const unsubscribe = store.onCommit((run, events) => {
    last = last
      .then(() => tell({ store, sink, providers }, run, events))
      .catch((cause) => log(`telemetry: ${String(cause)}`));
  });
  return {
    async [Symbol.asyncDispose]() {
      unsubscribe();
      const over = new AbortController();
      const late = clock.sleep(2 * timeoutMs, over.signal).catch(() => undefined);
      await Promise.race([last.then(() => sink.close()), late]);
      over.abort();
    },
  };
};

const tell = async (
  { store, sink, providers }: Pick<TelemetryOptions, "store" | "providers"> & { sink: Sink },
  run: string,
  events: readonly StoredEvent[],
): Promise<void> => {
  const state = await store.state(run);
  if (state === undefined) return;
  for (const { spans, points } of signalsOf(events, state, providers)) {
    for (const span of spans) sink.span(span);
    for (const point of points) sink.point(point);
  }
};
