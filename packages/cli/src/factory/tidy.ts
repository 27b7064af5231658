import { setTimeout as sleep } from "node:timers/promises";
import type { Sandboxes } from "@headrace/domain";

const REAP_MS = 30_000;
const EVICT_MS = 24 * 60 * 60_000;

/** Removes what sandboxes leave on the engine now and then: containers nobody holds, images past their age. */
export const keepTidy = (options: {
  sandboxes: Pick<Sandboxes, "reap" | "evict">;
  log(line: string): void;
}): AsyncDisposable => {
  const closing = new AbortController();
  const { sandboxes, log } = options;
  const chores = [
    repeat(() => sandboxes.reap(), REAP_MS, { log, signal: closing.signal }),
    repeat(() => sandboxes.evict(), EVICT_MS, { log, signal: closing.signal }),
  ];
  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      await Promise.all(chores);
    },
  };
};

const repeat = async (
  chore: () => Promise<unknown>,
  everyMs: number,
  { log, signal }: { log(line: string): void; signal: AbortSignal },
): Promise<void> => {
  let failing = false;
  while (!signal.aborted) {
    try {
      await chore();
      failing = false;
    } catch (error) {
      // an engine that is away fails what matters too: once is enough to be told here
      if (!failing) log(`tidying up: ${(error as Error).message}`);
      failing = true;
    }
    await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
};
