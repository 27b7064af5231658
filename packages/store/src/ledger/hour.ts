import type { Pico, ReserveAnswer } from "@headrace/domain";
import type { Sql } from "../sql.ts";

const HOUR_MS = 3_600_000;
/** When to ask again if only calls under way are in the way: nobody knows when they end. */
const UNDER_WAY_MS = 60_000;

const iso = (ms: number): string => new Date(ms).toISOString();

/**
 * Whether a call would bring what a run settled within the last hour, and holds now, above `limit`. As what is held is
 * settled within it or not at all, no hour can then have settled more.
 */
export const overHour = (
  sql: Sql,
  now: Date,
  { run, needed, limit }: { run: string; needed: Pico; limit: Pico },
): ReserveAnswer | undefined => {
  const since = iso(now.getTime() - HOUR_MS);
  const { available } = sql.get<{ available: number }>(
    `SELECT max(0, ? - coalesce(sum(taken), 0)) AS available FROM (
       SELECT amount AS taken FROM calls WHERE run = ? AND settled_at IS NULL
       UNION ALL SELECT cost + excess FROM calls WHERE run = ? AND settled_at > ?)`,
    BigInt(limit),
    run,
    run,
    since,
  ) ?? { available: limit };
  if (needed <= available) return undefined;
  const refused = {
    kind: "refused",
    level: "hour",
    path: `run/${run}`,
    needed,
    available,
  } as const;
  if (needed > limit) return refused;
  // counted from the newest back, the first with which it is too much
  const last = sql.get<{ settled_at: string }>(
    `SELECT settled_at FROM (
       SELECT settled_at, sum(cost + excess) OVER (ORDER BY settled_at DESC, ordinal DESC) AS since
       FROM calls WHERE run = ? AND settled_at > ?)
     WHERE since > ? ORDER BY settled_at DESC LIMIT 1`,
    run,
    since,
    BigInt(limit - needed),
  );
  const until =
    last === undefined ? now.getTime() + UNDER_WAY_MS : Date.parse(last.settled_at) + HOUR_MS;
  return { ...refused, until: iso(until) };
};
