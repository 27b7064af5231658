export { createQueue, type QueueOptions } from "./bull-queue.ts";
export type { RedisEndpoint } from "./endpoint.ts";
export { findRedis, INSTALL_REDIS, type RedisProbe } from "./find-redis.ts";
export { createMemoryQueue, type MemoryQueue, type MemoryQueueOptions } from "./memory-queue.ts";
export { type OwnedRedis, type RunRedisContainer, startRedis } from "./start-redis.ts";
