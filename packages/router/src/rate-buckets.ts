import { type FailureFacts, type RateFacts, RateKind, type TokenUsage } from "@headrace/domain";
import type { Bucket, Call, PoolRow } from "./health.ts";

/** Providers state limits by the minute, so a bucket of which nothing is taken for so long is whole. */
const PERIOD_MS = 60_000;

/** Of a refusal that names no time: doubling, in milliseconds. */
const UNSTATED = { firstMs: 1_000, longestMs: 60_000 } as const;

export const NEW_POOL: PoolRow = { buckets: {}, emptyUntil: 0, refusedAt: 0, unstated: 0 };

const kindsOf = (buckets: PoolRow["buckets"]): [RateKind, Bucket][] =>
  Object.entries(buckets) as [RateKind, Bucket][];

/** What a call takes from each bucket. What is read from the cache is not counted by providers. */
export const taken = (usage: TokenUsage): Call["charged"] => {
  const inputTokens = usage.input + usage.cacheWrite5m + usage.cacheWrite1h;
  const outputTokens = usage.output;
  return { requests: 1, tokens: inputTokens + outputTokens, inputTokens, outputTokens };
};

const current = (bucket: Bucket, at: number): Bucket =>
  at < bucket.resetAt
    ? bucket
    : {
        limit: bucket.limit,
        remaining: bucket.limit,
        resetAt: at + PERIOD_MS,
        guessed: true,
        // whoever was sent before then was charged to what is gone
        told: bucket.resetAt - 1,
      };

/** When the pool takes the call; undefined when it does now. A call larger than a bucket takes it when it is whole. */
export const rateBlock = (
  pool: PoolRow,
  usage: TokenUsage,
  at: number,
): { until: number } | undefined => {
  const wants = taken(usage);
  const waits = kindsOf(pool.buckets)
    .map(([kind, bucket]) => ({ want: wants[kind], bucket: current(bucket, at) }))
    .filter(({ want, bucket }) => bucket.remaining < Math.min(want, bucket.limit))
    .map(({ bucket }) => bucket.resetAt);
  const until = Math.max(pool.emptyUntil, ...waits);
  return until > at ? { until } : undefined;
};

const mapBuckets = (pool: PoolRow, change: (kind: RateKind, bucket: Bucket) => Bucket): PoolRow => {
  const kinds = kindsOf(pool.buckets);
  if (kinds.length === 0) return pool;
  return {
    ...pool,
    buckets: Object.fromEntries(kinds.map(([kind, bucket]) => [kind, change(kind, bucket)])),
  };
};

const within = ({ limit }: Bucket, remaining: number): number => Math.min(limit, remaining);

/** Takes the call's estimate from the buckets. */
export const charge = (pool: PoolRow, charged: Call["charged"], at: number): PoolRow =>
  mapBuckets(pool, (kind, before) => {
    const bucket = current(before, at);
    const resetAt = bucket.guessed === true ? at + PERIOD_MS : bucket.resetAt;
    return { ...bucket, resetAt, remaining: within(bucket, bucket.remaining - charged[kind]) };
  });

/** Takes `used` in the place of what was charged, from buckets that know of the call by its charge alone. */
const corrected = (bucket: Bucket, kind: RateKind, call: Call, used: number): Bucket =>
  bucket.told >= call.at
    ? bucket
    : { ...bucket, remaining: within(bucket, bucket.remaining + call.charged[kind] - used) };

/** Gives back what the call was charged: it was not sent. */
export const refund = (pool: PoolRow, call: Call): PoolRow =>
  mapBuckets(pool, (kind, bucket) => corrected(bucket, kind, call, 0));

/**
 * The buckets once a call is over: as its response has them (`rate`), less what calls sent since have been charged;
 * where it says nothing, with what it `used` in the place of its charge. What a later call's end or a refusal has said
 * stands.
 */
export const settled = (
  pool: PoolRow,
  call: Call,
  { used, rate = {} }: { used: Call["charged"]; rate?: RateFacts | undefined },
  since: readonly Call[],
): PoolRow => {
  const own = mapBuckets(pool, (kind, bucket) => ({
    ...corrected(bucket, kind, call, used[kind]),
    told: Math.max(bucket.told, rate[kind] === undefined ? call.at : bucket.told),
  }));
  if (call.at < pool.refusedAt) return own;
  const told = RateKind.options.flatMap((kind): [RateKind, Bucket][] => {
    const fact = rate[kind];
    if (fact === undefined || (pool.buckets[kind]?.told ?? -1) >= call.at) return [];
    const charged = since.reduce((sum, other) => sum + other.charged[kind], 0);
    const remaining = fact.remaining - charged;
    const resetAt = Date.parse(fact.resetAt);
    return [[kind, { limit: fact.limit, remaining, resetAt, told: call.at }]];
  });
  return told.length === 0
    ? own
    : { ...own, buckets: { ...own.buckets, ...Object.fromEntries(told) } };
};

/**
 * The provider refuses calls of the pool for now. A time it states holds to the millisecond, neither shortened nor
 * prolonged by what its buckets say; else it is when those that are used up are whole, else a pause that doubles.
 */
export const emptied = (pool: PoolRow, failure: FailureFacts, at: number): PoolRow => {
  const used = Object.values(failure.rate ?? {}).filter(({ remaining }) => remaining === 0);
  const stated =
    failure.until === undefined
      ? Math.max(0, ...used.map(({ resetAt }) => Date.parse(resetAt)))
      : Date.parse(failure.until);
  // "ask again at once" is no time to come: who did would be sent away as often
  const isStated = stated > at;
  const pause = Math.min(UNSTATED.longestMs, UNSTATED.firstMs * 2 ** pool.unstated);
  return {
    buckets: isStated ? {} : pool.buckets,
    emptyUntil: Math.max(pool.emptyUntil, isStated ? stated : at + pause),
    refusedAt: at,
    unstated: isStated ? 0 : pool.unstated + 1,
  };
};
