import { constants } from "node:os";

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const cleanups = new Set<() => Promise<unknown>>();

/**
 * Runs `cleanup` before a signal ends this process; the returned function takes it back. An application with a
 * handler of its own for the signal shuts down in its own order and must clean up itself.
 */
export const onShutdown = (cleanup: () => Promise<unknown>): (() => void) => {
  if (cleanups.size === 0) for (const signal of SIGNALS) process.on(signal, shutDown);
  cleanups.add(cleanup);
  return () => {
    cleanups.delete(cleanup);
    if (cleanups.size === 0) for (const signal of SIGNALS) process.off(signal, shutDown);
  };
};

const shutDown = async (signal: NodeJS.Signals): Promise<void> => {
  if (process.listenerCount(signal) > 1) return;
  await Promise.allSettled([...cleanups].map((cleanup) => cleanup()));
  process.exit(128 + constants.signals[signal]);
};
