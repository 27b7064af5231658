import { setTimeout as sleep } from "node:timers/promises";

/** Whether `promise` is fulfilled within `ms`; its rejection counts as no. */
export const fulfilledWithin = async (ms: number, promise: Promise<unknown>): Promise<boolean> => {
  const timer = new AbortController();
  try {
    return await Promise.race([
      promise.then(
        () => true,
        () => false,
      ),
      sleep(ms, false, { signal: timer.signal }),
    ]);
  } finally {
    timer.abort();
  }
};

const CLOSE_MS = 2000;

/** A BullMQ object's connections, closed in order, or cut when Redis does not let them go in time. */
export const closeOrCut = async (
  resource: { close(): Promise<void>; disconnect(): Promise<void> },
  closing: Promise<void> = resource.close(),
): Promise<void> => {
  if (await fulfilledWithin(CLOSE_MS, closing)) return;
  // not awaited: a client that is between two attempts to reconnect stops, but never says so
  resource.disconnect().catch(() => {});
};
