import { candidateKey, type DemandRow, type TryRow } from "@headrace/domain";

/** One day (UTC) of one role's requests to one model. */
export type DailyRow = {
  day: string;
  role: string;
  model: string;
  requests: number;
  ok: number;
  /** of those that succeeded, in milliseconds; undefined where none did */
  p50Ms?: number;
  p95Ms?: number;
  cost: number;
  inputTokens: number;
  cacheReadTokens: number;
  /** requests to another model than the route's first, of those whose choice is on record */
  fallbacks: number;
  chosen: number;
};

/** The value that so many percent of the sorted ones do not pass. */
const percentile = (sorted: readonly number[], percent: number): number | undefined =>
  sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];

/** The model each asking would have gone to, had nothing stood in the way. */
const firstChoices = (demand: readonly DemandRow[]): Map<string, string> => {
  const first = new Map<string, string>();
  for (const { ask, decision } of demand) {
    const [candidate] = decision.considered;
    if (candidate !== undefined && !first.has(ask)) first.set(ask, candidate.candidate);
  }
  return first;
};

/** Requests for a reply, by day, role and model. Counting tokens is free, and no part of it. */
export const dailyRows = (exhaust: {
  tries: readonly TryRow[];
  demand: readonly DemandRow[];
}): DailyRow[] => {
  const first = firstChoices(exhaust.demand);
  const asked = exhaust.tries.filter(({ call }) => call !== undefined);
  const groups = Map.groupBy(asked, (row) =>
    [row.at.slice(0, 10), row.role, candidateKey(row)].join("\0"),
  );
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, tries]) => {
      const [day = "", role = "", model = ""] = key.split("\0");
      const good = tries.filter(({ outcome }) => outcome === "ok");
      const times = good.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
      const usages = good.flatMap(({ usage }) => usage ?? []);
      const known = tries.flatMap(({ ask }) => first.get(ask) ?? []);
      const [p50Ms, p95Ms] = [percentile(times, 50), percentile(times, 95)];
      return {
        ...{ day, role, model, requests: tries.length, ok: good.length },
        ...(p50Ms === undefined ? {} : { p50Ms }),
        ...(p95Ms === undefined ? {} : { p95Ms }),
        cost: tries.reduce((sum, { cost = 0 }) => sum + cost, 0),
        inputTokens: usages.reduce(
          (sum, u) => sum + u.input + u.cacheWrite5m + u.cacheWrite1h + u.cacheRead,
          0,
        ),
        cacheReadTokens: usages.reduce((sum, { cacheRead }) => sum + cacheRead, 0),
        fallbacks: known.filter((candidate) => candidate !== model).length,
        chosen: known.length,
      };
    });
};

/** Why a candidate of a role was not asked when nothing was, and how often. */
export type UnmetRow = {
  role: string;
  outcome: string;
  candidate: string;
  why: string;
  decisions: number;
  asks: number;
  last: string;
};

/** Choices, oldest first, that came to nothing being sent, by what stood in each candidate's way. */
export const unmetRows = (demand: readonly DemandRow[]): UnmetRow[] => {
  const reasons = demand
    .filter(({ decision }) => decision.outcome !== "chosen")
    .flatMap(({ at, ask, decision: { role, outcome, considered } }) =>
      considered.map(({ candidate, why }) => ({ at, ask, role, outcome, candidate, why })),
    );
  const groups = Map.groupBy(reasons, ({ role, outcome, candidate, why }) =>
    [role, outcome, candidate, why].join("\0"),
  );
  return [...groups]
    .map(([key, rows]) => {
      const [role = "", outcome = "", candidate = "", why = ""] = key.split("\0");
      const asks = new Set(rows.map(({ ask }) => ask)).size;
      const last = rows.at(-1)?.at ?? "";
      return { role, outcome, candidate, why, decisions: rows.length, asks, last };
    })
    .sort((a, b) => b.decisions - a.decisions || (a.last < b.last ? 1 : -1));
};
