import { InfrastructureError, type Lane, type Queue } from "@headrace/domain";
import { Queue as BullQueue } from "bullmq";
import { closedOrCut, fulfilledWithin } from "./bounded.ts";
import { consumeLane } from "./bull-consumer.ts";
import { connectionTo, failingFast, type RedisEndpoint } from "./endpoint.ts";
import { checkEviction } from "./eviction.ts";
import { assertJobId, type JobData } from "./job-data.ts";
import { withoutRepeats } from "./without-repeats.ts";

export type QueueOptions = {
  redis: RedisEndpoint;
  /** first part of every key, so that installations can share a Redis */
  prefix: string;
  /** told of everything that went wrong in the background; the same message at most every 30 s */
  onError: (error: Error) => void;
  onWarning: (message: string) => void;
};

const OPEN_MS = 10_000;
/** the largest priority BullMQ knows */
const LAST = 2 ** 21;
const LANES: readonly Lane[] = ["work", "control"];
const PRESENT: ReadonlySet<string> = new Set(["waiting", "delayed", "active", "prioritized"]);

/**
 * The queue on BullMQ, one BullMQ queue a lane. While Redis is away `add` and `present` throw
 * `InfrastructureError` at once, and consumers wait and then go on by themselves. Throws `UserError` when the
 * Redis evicts keys.
 */
export const createQueue = async (options: QueueOptions): Promise<Queue> => {
  await checkEviction(options.redis, options.onWarning);
  const onError = withoutRepeats(options.onError);
  const producers = await openProducers(options, onError);
  const consumers = new Set<{ close(graceMs: number): Promise<void> }>();

  return {
    async add(job, delayMs = 0, priority = 1) {
      assertJobId(job.id);
      const data: JobData = { run: job.run, step: job.step };
      await reaching(options.redis, "a job could not be queued", () =>
        producers.lanes[job.lane].add("step", data, {
          jobId: job.id,
          delay: Math.max(0, delayMs),
          priority: Math.min(priority, LAST),
          attempts: 1,
          removeOnComplete: true,
          removeOnFail: true,
        }),
      );
    },

    async present(ids) {
      const states = await reaching(options.redis, "queued jobs could not be looked up", () =>
        Promise.all(
          ids.flatMap((id) =>
            LANES.map(async (lane) => ({ id, state: await producers.lanes[lane].getJobState(id) })),
          ),
        ),
      );
      return new Set(states.filter((s) => PRESENT.has(s.state)).map((s) => s.id));
    },

    async consume(lane, concurrency, handler) {
      const { redis, prefix } = options;
      const consumer = consumeLane({ redis, prefix, lane, concurrency, handler, onError });
      consumers.add(consumer);
      return {
        async close(graceMs) {
          consumers.delete(consumer);
          await consumer.close(graceMs);
        },
      };
    },

    async close() {
      await Promise.all([...consumers].map((consumer) => consumer.close(0)));
      consumers.clear();
      await producers.close();
    },
  };
};

type Producers = {
  lanes: Record<Lane, BullQueue<JobData, void, "step">>;
  close(): Promise<void>;
};

const openProducers = async (
  { redis, prefix }: QueueOptions,
  onError: (error: Error) => void,
): Promise<Producers> => {
  const closing = new AbortController();
  const connection = connectionTo(redis, failingFast, closing.signal);
  const open = (lane: Lane) => {
    const queue = new BullQueue<JobData, void, "step">(lane, { connection, prefix });
    queue.on("error", onError);
    return queue;
  };
  const lanes = { work: open("work"), control: open("control") };
  const both = Object.values(lanes);
  const close = async () => {
    closing.abort();
    await Promise.all(both.map((queue) => closedOrCut(queue, queue.close())));
  };
  const ready = Promise.all(both.map((queue) => queue.waitUntilReady()));
  if (await fulfilledWithin(OPEN_MS, ready)) return { lanes, close };
  await close();
  throw new InfrastructureError(
    `Redis went away while the queue was opened (${redis.description})`,
  );
};

const reaching = async <T>(
  redis: RedisEndpoint,
  what: string,
  call: () => Promise<T>,
): Promise<T> => {
  try {
    return await call();
  } catch (cause) {
    throw new InfrastructureError(`${what} in Redis (${redis.description})`, { cause });
  }
};
