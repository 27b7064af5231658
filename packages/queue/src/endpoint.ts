import { InfrastructureError } from "@headrace/domain";
import { Redis, type RedisOptions } from "ioredis";

/** Where Redis listens. */
export type RedisEndpoint = {
  /** `redis://` or `rediss://` with its credentials, or the absolute path of a unix socket; never print it */
  readonly url: string;
  /** the same for people, without credentials */
  readonly description: string;
};

const MAX_RETRY_DELAY_MS = 1000;
const CONNECT_TIMEOUT_MS = 5000;

/** A consumer waits out an outage: its commands stay queued until Redis is back. */
export const patient = { maxRetriesPerRequest: null } satisfies RedisOptions;

/** A producer fails at once while Redis is away, so that its caller can carry on. */
export const failingFast = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  commandTimeout: CONNECT_TIMEOUT_MS,
} satisfies RedisOptions;

/**
 * Connection options as BullMQ takes them. They reconnect quickly and for ever, because an outage should cost
 * seconds, until `closing`: BullMQ cannot close a connection that is between two attempts.
 */
export const connectionTo = <T extends RedisOptions>(
  endpoint: RedisEndpoint,
  options: T,
  closing: AbortSignal,
) => ({
  ...options,
  connectTimeout: CONNECT_TIMEOUT_MS,
  retryStrategy: (times: number) =>
    closing.aborted ? null : Math.min(50 * 2 ** Math.min(times, 10), MAX_RETRY_DELAY_MS),
  ...(endpoint.url.startsWith("/") ? { path: endpoint.url } : { url: endpoint.url }),
});

/** Runs `use` on a connection of its own that never retries; throws `InfrastructureError` when there is no Redis. */
export const withConnection = async <T>(
  endpoint: RedisEndpoint,
  use: (redis: Redis) => Promise<T>,
): Promise<T> => {
  const redis = new Redis(endpoint.url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: () => null,
  });
  let failure: Error | undefined;
  redis.on("error", (error: Error) => {
    failure = error;
  });
  try {
    await redis.connect();
  } catch (error) {
    // ioredis rejects with "Connection is closed." and tells the cause by the event
    const cause = failure ?? (error as Error);
    throw new InfrastructureError(
      `Redis does not answer (${endpoint.description}): ${cause.message}`,
      { cause },
    );
  }
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
};
