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

/** Waits for a BullMQ object to close, and cuts its connections when Redis does not let them go in time. */
export const closedOrCut = async (
  resource: { disconnect(): Promise<void> },
  closing: Promise<void>,
): Promise<void> => {
  if (await fulfilledWithin(CLOSE_MS, closing)) return;
  // not awaited: a connection that is away never says that it has ended
  resource.disconnect().catch(() => {});
};
