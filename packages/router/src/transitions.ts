import {
  type Candidate,
  candidateKey,
  type FailureFacts,
  type RateFacts,
  type TokenUsage,
} from "@headrace/domain";
import { circuitAnswered, circuitSent } from "./circuit.ts";
import { cut, raised, underWay } from "./concurrency.ts";
import { FAILURES } from "./failures.ts";
import type { Call, CandidateRow, Health, PoolRow, ProviderRow } from "./health.ts";
import { isHeldBy, prefixFreed, prefixSent, prefixWarm } from "./prefix-gate.ts";
import { charge, emptied, refund, settled, taken } from "./rate-buckets.ts";
import { type Named, poolKey, type Rows, rowsOf, withRows } from "./rows.ts";

/** Out of money, where the provider names no date. */
const OUT_MS = 60 * 60_000;

const withPrefixes = (
  candidate: CandidateRow,
  change: (prefixes: CandidateRow["prefixes"]) => CandidateRow["prefixes"],
): CandidateRow => {
  const prefixes = change(candidate.prefixes);
  return prefixes === candidate.prefixes ? candidate : { ...candidate, prefixes };
};

const withCircuit = (candidate: CandidateRow, circuit: CandidateRow["circuit"]): CandidateRow =>
  circuit === candidate.circuit ? candidate : { ...candidate, circuit };

/** A call that is about to be sent. */
export type Outgoing = {
  /** its id in the ledger */
  call: string;
  candidate: Candidate;
  /** SHA-256 of tools and system prompt, as `CallRequest` has it */
  prefix: string;
  /** as `select` estimated it */
  estimate: TokenUsage;
};

/** How a call came out. `lost`: its worker is gone and nobody knows; its place is free, its charges stay. */
export type CallEnd =
  | { kind: "reply"; usage: TokenUsage; rate?: RateFacts }
  | { kind: "failed"; failure: FailureFacts }
  | { kind: "lost" };

/**
 * The call takes its place: in the provider's concurrency, its buckets, as the probe of a circuit that may close, as
 * the first with its prefix. To be applied in the same tick as the `select` that chose it, before anything is awaited;
 * if the ledger then refuses the call, `released` takes it all back.
 */
export const sent = (health: Health, out: Outgoing, at: Date): Health => {
  const { call, candidate: named, estimate } = out;
  const now = at.getTime();
  const rows = rowsOf(health, named);
  const charged = taken(estimate);
  const calls = underWay(rows.provider, now);
  const prefix = named.capabilities.includes("cache") ? out.prefix : undefined;
  const probing = withCircuit(rows.candidate, circuitSent(rows.candidate.circuit, call, now));
  const candidate = withPrefixes(probing, (prefixes) =>
    prefix === undefined
      ? prefixes
      : prefixSent(prefixes, { prefix, call, at: now }, (other) => other in calls),
  );
  const placed: Call = {
    model: named.model,
    pool: named.pool,
    at: now,
    charged,
    ...(prefix === undefined ? {} : { prefix }),
  };
  return withRows(health, named, rows, {
    candidate,
    provider: { ...rows.provider, calls: { ...calls, [call]: placed } },
    pool: charge(rows.pool, charged, now),
  });
};

const found = (health: Health, id: string): { named: Named; call: Call } | undefined => {
  for (const [provider, { calls }] of Object.entries(health.providers)) {
    const call = calls[id];
    if (call !== undefined)
      return { named: { provider, model: call.model, pool: call.pool }, call };
  }
  return undefined;
};

/** The call's reply has begun: those that wait for its prefix may follow. A call that is not under way changes nothing. */
export const began = (health: Health, id: string, at: Date): Health => {
  const known = found(health, id);
  const prefix = known?.call.prefix;
  if (known === undefined || prefix === undefined) return health;
  const rows = rowsOf(health, known.named);
  const candidate = withPrefixes(rows.candidate, (prefixes) =>
    prefixWarm(prefixes, prefix, at.getTime()),
  );
  return withRows(health, known.named, rows, { ...rows, candidate });
};

/** Frees the call's place: its slot, its hold on others and, where `ok` says nothing, its part as a probe. */
const left = (
  rows: Rows,
  id: string,
  call: Call | undefined,
  end: { ok: boolean | undefined; warm: boolean },
  at: number,
): Rows => {
  const prefix = call?.prefix;
  const told = { call: id, ok: end.ok, tookMs: at - (call?.at ?? at) };
  const circuit = circuitAnswered(rows.candidate.circuit, told, at);
  const { [id]: _, ...calls } = rows.provider.calls;
  return {
    candidate: withPrefixes(withCircuit(rows.candidate, circuit), (prefixes) => {
      if (prefix === undefined) return prefixes;
      return end.warm && isHeldBy(prefixes, prefix, id)
        ? prefixWarm(prefixes, prefix, at)
        : prefixFreed(prefixes, prefix, id);
    }),
    provider: call === undefined ? rows.provider : { ...rows.provider, calls },
    pool: rows.pool,
  };
};

/** What the failure itself does to the rows, whether or not the call had a place in them. */
const struck = (rows: Rows, failure: FailureFacts, config: string, at: number): Rows => {
  const stated = failure.until === undefined ? 0 : Date.parse(failure.until);
  const { candidate, provider, pool } = rows;
  switch (FAILURES[failure.class].health) {
    case "none":
      return rows;
    case "isolated":
      return { ...rows, provider: { ...provider, credential: { state: "isolated", config } } };
    case "out": {
      const until = stated > at ? stated : at + OUT_MS;
      return { ...rows, provider: { ...provider, credential: { state: "out", until } } };
    }
    case "dead":
      return { ...rows, candidate: { ...candidate, gone: config } };
    case "empty":
      return { ...rows, pool: emptied(pool, failure, at) };
    case "failure": {
      const notBefore = Math.max(candidate.notBefore ?? 0, stated);
      return stated > at ? { ...rows, candidate: { ...candidate, notBefore } } : rows;
    }
  }
};

const replied = (
  rows: Rows,
  id: string,
  call: Call | undefined,
  { usage, rate }: Extract<CallEnd, { kind: "reply" }>,
  at: number,
): Rows => {
  const after = left(rows, id, call, { ok: true, warm: true }, at);
  if (call === undefined) return after;
  const provider = { ...raised(rows.provider, at), calls: after.provider.calls };
  const pool = over(after, call, { used: taken(usage), rate });
  return { ...after, provider, pool: pool.unstated === 0 ? pool : { ...pool, unstated: 0 } };
};

/** The buckets once the call is over. */
const over = (
  { pool, provider }: Rows,
  call: Call,
  facts: { used: Call["charged"]; rate?: RateFacts | undefined },
): PoolRow => {
  const since = Object.values(provider.calls).filter(
    (other) => other.pool === call.pool && other.at >= call.at,
  );
  return settled(pool, call, facts, since);
};

const lost = (rows: Rows, id: string, call: Call | undefined, at: number): Rows => {
  const after = left(rows, id, call, { ok: undefined, warm: false }, at);
  return call === undefined ? after : { ...after, pool: over(after, call, { used: call.charged }) };
};

const failed = (
  rows: Rows,
  id: string,
  call: Call | undefined,
  failure: FailureFacts,
  { config, at }: { config: string; at: number },
): Rows => {
  if (failure.stopped) return lost(rows, id, call, at);
  const { health, slower } = FAILURES[failure.class];
  const ok = health === "failure" ? false : undefined;
  const after = left(rows, id, call, { ok, warm: false }, at);
  const provider = slower ? cut(after.provider, call?.at ?? at, at) : after.provider;
  const pool =
    call === undefined ? after.pool : over(after, call, { used: call.charged, rate: failure.rate });
  return struck({ ...after, provider, pool }, failure, config, at);
};

/**
 * What the answer to a call tells, or the answer to counting its tokens, which was never `sent`: then only the failure
 * itself counts. `config`: fingerprint of the provider settings it was made with; what is out until they change is out
 * under these.
 */
export const answered = (
  health: Health,
  { id, candidate: named }: { id: string; candidate: Named },
  end: CallEnd,
  config: string,
  at: Date,
): Health => {
  const now = at.getTime();
  const rows = rowsOf(health, named);
  const call = rows.provider.calls[id];
  const outcome = (): Rows => {
    switch (end.kind) {
      case "reply":
        return replied(rows, id, call, end, now);
      case "failed":
        return failed(rows, id, call, end.failure, { config, at: now });
      case "lost":
        return lost(rows, id, call, now);
    }
  };
  return withRows(health, named, rows, outcome());
};

/** The call was not sent after all: as if it had never taken its place. */
export const released = (health: Health, id: string): Health => {
  const known = found(health, id);
  if (known === undefined) return health;
  const rows = rowsOf(health, known.named);
  const after = left(rows, id, known.call, { ok: undefined, warm: false }, known.call.at);
  return withRows(health, known.named, rows, {
    ...after,
    pool: refund(after.pool, known.call),
  });
};

/**
 * A person has acted (resumes a run, changes the settings): keys and models that were out are asked again, and no time
 * that a provider once told stands in the way. Only of `of`, where it is given.
 */
export const restored = (health: Health, of?: readonly Named[]): Health => {
  const [candidates, providers, pools] = [
    candidateKey,
    ({ provider }: Named) => provider,
    poolKey,
  ].map((keyOf) => of && new Set(of.map(keyOf)));
  return {
    candidates: mapRows(health.candidates, candidates, ({ gone, notBefore, ...others }) => others),
    providers: mapRows(health.providers, providers, withoutCredential),
    pools: mapRows(health.pools, pools, (row) => ({ ...row, buckets: {}, emptyUntil: 0 })),
  };
};

/**
 * These providers have listed their models just now: keys and models that were out are asked again. What was said of a
 * time still holds.
 */
export const reached = (health: Health, providers: readonly string[]): Health => {
  const keys = Object.keys(health.candidates);
  const theirs = keys.filter((key) => providers.some((provider) => key.startsWith(`${provider}/`)));
  return {
    candidates: mapRows(health.candidates, new Set(theirs), ({ gone, ...others }) => others),
    providers: mapRows(health.providers, new Set(providers), withoutCredential),
    pools: health.pools,
  };
};

const withoutCredential = ({ credential, ...others }: ProviderRow): ProviderRow => others;

const mapRows = <Row>(
  rows: Readonly<Record<string, Row>>,
  keys: ReadonlySet<string> | undefined,
  change: (row: Row) => Row,
): Record<string, Row> =>
  Object.fromEntries(
    Object.entries(rows).map(([key, row]) => [
      key,
      keys === undefined || keys.has(key) ? change(row) : row,
    ]),
  );
