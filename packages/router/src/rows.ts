import { type Candidate, candidateKey } from "@headrace/domain";
import { CLOSED } from "./circuit.ts";
import { NEW_PROVIDER } from "./concurrency.ts";
import type { CandidateRow, Health, PoolRow, ProviderRow } from "./health.ts";
import { NEW_POOL } from "./rate-buckets.ts";

/** A candidate as far as health is kept by it. */
export type Named = Pick<Candidate, "provider" | "model" | "pool">;

/** The rows that concern a candidate. */
export type Rows = { candidate: CandidateRow; provider: ProviderRow; pool: PoolRow };

const NEW_CANDIDATE: CandidateRow = { circuit: CLOSED, prefixes: {} };

export const poolKey = ({ provider, pool }: Named): string => `${provider}/${pool}`;

/** As they are, or as they begin. */
export const rowsOf = (health: Health, named: Named): Rows => ({
  candidate: health.candidates[candidateKey(named)] ?? NEW_CANDIDATE,
  provider: health.providers[named.provider] ?? NEW_PROVIDER,
  pool: health.pools[poolKey(named)] ?? NEW_POOL,
});

/** Rows that are as they were stay out of it, so that nothing is written for them. */
export const withRows = (health: Health, named: Named, before: Rows, after: Rows): Health => {
  const put = <Row>(rows: Readonly<Record<string, Row>>, key: string, was: Row, is: Row) =>
    was === is ? rows : { ...rows, [key]: is };
  return {
    candidates: put(health.candidates, candidateKey(named), before.candidate, after.candidate),
    providers: put(health.providers, named.provider, before.provider, after.provider),
    pools: put(health.pools, poolKey(named), before.pool, after.pool),
  };
};
