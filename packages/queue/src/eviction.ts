import { UserError } from "@headrace/domain";
import { ReplyError } from "ioredis";
import { type RedisEndpoint, withConnection } from "./endpoint.ts";

/**
 * Refuses a Redis that evicts keys when its memory is full: it would drop pieces of jobs without a word. A Redis
 * that does not let us read its configuration (managed ones) is accepted with a warning.
 */
export const checkEviction = async (
  endpoint: RedisEndpoint,
  onWarning: (message: string) => void,
): Promise<void> => {
  const policy = await readPolicy(endpoint);
  if (policy === undefined)
    onWarning(
      `Redis (${endpoint.description}) does not show its eviction policy; make sure that maxmemory-policy is noeviction`,
    );
  else if (policy !== "noeviction")
    throw new UserError(
      `Redis (${endpoint.description}) may evict queued jobs: its maxmemory-policy is ${policy}`,
      "run `redis-cli CONFIG SET maxmemory-policy noeviction`, or give another Redis in REDIS_URL",
    );
};

const readPolicy = (endpoint: RedisEndpoint): Promise<string | undefined> =>
  withConnection(endpoint, async (redis) => {
    try {
      const reply = await redis.config("GET", "maxmemory-policy");
      return Array.isArray(reply) && typeof reply[1] === "string" ? reply[1] : undefined;
    } catch (error) {
      if (error instanceof ReplyError) return undefined;
      throw error;
    }
  });
