import type { EgressRequest } from "@headrace/domain";
import type { Work } from "./worker.ts";

const BATCH = 100;

/**
 * The requests of one sandbox on their way into the run's log, in order and a hundred at a time. Disposing of it sends
 * what is left, and fails where a report failed.
 */
export const networkLog = ({
  api,
  claim: { fence },
}: Pick<Work, "api" | "claim">): AsyncDisposable & { onRequest(request: EgressRequest): void } => {
  let waiting: EgressRequest[] = [];
  let sent = Promise.resolve();
  const send = () => {
    const requests = waiting;
    waiting = [];
    if (requests.length === 0) return;
    sent = sent.then(() => api.report(fence, { type: "network.used", step: fence.step, requests }));
    // told at the end
    sent.catch(() => {});
  };
  return {
    onRequest(request) {
      waiting.push(request);
      if (waiting.length >= BATCH) send();
    },
    async [Symbol.asyncDispose]() {
      send();
      await sent;
    },
  };
};
