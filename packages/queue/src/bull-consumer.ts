import { setInterval } from "node:timers/promises";
import type { Consumer, JobHandler, JobOutcome, Lane } from "@headrace/domain";
import { type Job as BullJob, DelayedError, Worker } from "bullmq";
import { closedOrCut } from "./bounded.ts";
import { Deliveries, lockLost } from "./deliveries.ts";
import { connectionTo, patient, type RedisEndpoint } from "./endpoint.ts";
import { isJobData, type JobData } from "./job-data.ts";

/**
 * BullMQ's own settings find a dead worker after 60 s and give a job up after two of them (reliability.md §0.4).
 * These find it within 7 s and never give up; the lock still outlives an event loop blocked for 3 s. Its own
 * renewal knows one delivery a job id: of two in one process, the first to end stops the other's, so we renew.
 */
const LOCK_MS = 5000;
const RENEW_MS = LOCK_MS / 3;
const STALL_SETTINGS = { stalledInterval: 1000, maxStalledCount: 1_000_000, skipLockRenewal: true };

/** how long a worker waits before it asks an unreachable Redis again */
const RETRY_DELAY_MS = 1000;

/** Takes jobs of one lane from now until it is closed, through any outage of Redis. */
export const consumeLane = (options: {
  redis: RedisEndpoint;
  prefix: string;
  lane: Lane;
  concurrency: number;
  handler: JobHandler;
  onError: (error: Error) => void;
}): Consumer => {
  const { redis, prefix, lane, concurrency, onError } = options;
  const deliveries = new Deliveries(options.handler, onError);

  const deliver = async (job: BullJob<JobData>, token = ""): Promise<void> => {
    if (job.id === undefined || !isJobData(job.data)) {
      onError(
        new Error(`dropped job ${job.id}: its data is not ours: ${JSON.stringify(job.data)}`),
      );
      return;
    }
    const { run, step } = job.data;
    const lock = keepLock(job, token, onError);
    const outcome = await deliveries.run({ id: job.id, lane, run, step });
    // to BullMQ this error says that the job has been seen to
    if (!(await lock.end())) throw new DelayedError();
    await settle(job, token, outcome);
  };

  const closing = new AbortController();
  const worker = new Worker<JobData>(lane, deliver, {
    connection: connectionTo(redis, patient, closing.signal),
    prefix,
    concurrency,
    runRetryDelay: RETRY_DELAY_MS,
    lockDuration: LOCK_MS,
    ...STALL_SETTINGS,
  });
  worker.on("error", onError);

  return {
    async close(graceMs) {
      const closed = worker.close();
      await deliveries.drain(graceMs);
      closing.abort();
      await closedOrCut(worker, closed);
    },
  };
};

/** Jobs that return are completed and removed; whether there is a next dispatch is decided by the rows. */
const settle = async (job: BullJob<JobData>, token: string, outcome: JobOutcome): Promise<void> => {
  switch (outcome.kind) {
    case "done":
    case "infrastructure":
    case "fatal":
      return;
    case "retry-at":
      await job.moveToDelayed(outcome.at.getTime(), token);
      throw new DelayedError();
  }
};

/** Renews the lock of one delivery until its end, which answers whether the lock was kept; a loss is told once. */
const keepLock = (job: BullJob<JobData>, token: string, onError: (error: Error) => void) => {
  const ended = new AbortController();
  let lost = false;
  const extend = async (): Promise<boolean> => {
    const extended = (await job.extendLock(token, LOCK_MS)) === 1;
    if (!extended && !lost) onError(lockLost(job.id ?? ""));
    lost ||= !extended;
    return extended;
  };
  const renew = async (): Promise<void> => {
    for await (const _ of setInterval(RENEW_MS, undefined, { signal: ended.signal }))
      if ((await extend().catch(onError)) === false) return;
  };
  renew().catch(() => {});
  return {
    end() {
      ended.abort();
      return extend();
    },
  };
};
