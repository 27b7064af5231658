import type { RunRedisContainer } from "@headrace/queue";
import { type EngineAddress, runService } from "@headrace/sandbox";

/** Redis in a container of the engine's, for machines with no server program; published on loopback only. */
export const redisContainer =
  (engine: EngineAddress, labels: { owner: string; boot: string }): RunRedisContainer =>
  (spec) =>
    runService({ engine, ...labels, ...spec });
