import type { EgressRequest } from "@headrace/domain";
import type { Work } from "./worker.ts";

const BATCH = 100;

/** The requests of one sandbox on their way into the run's log, in order and a hundred at a time. */
export const networkLog = ({ api, claim: { fence } }: Pick<Work, "api" | "claim">) => {
  let waiting: EgressRequest[] = [];
  let sent = Promise.resolve();
  const send = () => {
    const requests = waiting;
    waiting = [];
    if (requests.length === 0) return;
    sent = sent.then(() => api.report(fence, { type: "network.used", step: fence.step, requests }));
    // told by `flush`
    sent.catch(() => {});
  };
  return {
    onRequest(request: EgressRequest): void {
      waiting.push(request);
      if (waiting.length >= BATCH) send();
    },
    /** Sends what is left; fails where a report failed. */
    async flush(): Promise<void> {
      send();
      await sent;
    },
  };
};
