import { isEnded, type Store, type StoredEvent } from "@headrace/domain";

/**
 * A run's events from `after` on: the stored ones, then live ones, in order and without a gap, until the run has
 * ended and all were given, or the signal aborts.
 */
export async function* eventFeed(
  store: Store,
  run: string,
  after: number,
  signal: AbortSignal,
): AsyncIterable<StoredEvent> {
  let wake: () => void = () => undefined;
  const stop = store.onCommit((committed) => {
    if (committed === run) wake();
  });
  const onAbort = () => wake();
  signal.addEventListener("abort", onAbort);
  try {
    let seen = after;
    while (!signal.aborted) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const batch = await store.events(run, seen);
      for (const event of batch) {
        seen = event.seq;
        yield event;
        if (signal.aborted) return;
      }
      if (batch.length > 0) continue;
      const state = await store.state(run);
      if (state === undefined || (isEnded(state.run.status) && state.run.seq <= seen)) return;
      await changed;
    }
  } finally {
    stop();
    signal.removeEventListener("abort", onAbort);
  }
}
