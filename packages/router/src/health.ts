import { RateKind } from "@headrace/domain";
import { z } from "zod";

/** Milliseconds since 1970. */
const Ms = z.number();
const count = z.number().int().nonnegative();

/** A call by its id, and until when it counts: its worker may have died. */
const Holder = z.object({ call: z.string(), until: Ms });

/**
 * `open` until a time, after which one call is let through as a probe (that is half-open); its success closes the
 * circuit, its failure opens it for twice as long.
 */
const Circuit = z.discriminatedUnion("state", [
  z.object({
    state: z.literal("closed"),
    /** the newest, oldest first */
    results: z.array(z.object({ at: Ms, ok: z.boolean() })),
    /** calls that failed after a long time, since one last answered as it should */
    hangs: count.optional(),
  }),
  z.object({
    state: z.literal("open"),
    until: Ms,
    /** openings since it was last closed */
    trips: count,
    /** calls that failed after a long time have opened it */
    hung: z.literal(true).optional(),
    probe: Holder.optional(),
  }),
]);
export type Circuit = z.infer<typeof Circuit>;

/** A prefix that one call is writing to the cache while others wait for it, or that the cache holds. */
const Prefix = z.discriminatedUnion("state", [
  Holder.extend({ state: z.literal("held") }),
  z.object({ state: z.literal("warm"), until: Ms }),
]);

const CandidateRow = z.object({
  circuit: Circuit,
  /** the provider does not know the model, under the configuration with this fingerprint */
  gone: z.string().optional(),
  /** the provider has named the time before which the model is not to be asked */
  notBefore: Ms.optional(),
  /** by SHA-256 */
  prefixes: z.record(z.string(), Prefix),
});
export type CandidateRow = z.infer<typeof CandidateRow>;

/** A call under way, and what was charged for it. */
const Call = z.object({
  model: z.string(),
  pool: z.string(),
  /** where the provider caches */
  prefix: z.string().optional(),
  at: Ms,
  /** what the buckets were charged with, or would have been */
  charged: z.record(RateKind, count),
});
export type Call = z.infer<typeof Call>;

const ProviderRow = z.object({
  /** the key is refused under the configuration with this fingerprint, or out of money until then */
  credential: z
    .discriminatedUnion("state", [
      z.object({ state: z.literal("isolated"), config: z.string() }),
      z.object({ state: z.literal("out"), until: Ms }),
    ])
    .optional(),
  /** calls at once: whole ones count, fractions are on their way to the next */
  limit: z.number(),
  /** when `limit` was last cut: calls from before then cut it no further */
  cutAt: Ms,
  /** by id */
  calls: z.record(z.string(), Call),
});
export type ProviderRow = z.infer<typeof ProviderRow>;

const Bucket = z.object({
  limit: count,
  /** below zero where calls were charged with more than it held */
  remaining: z.number().int(),
  /** whole again */
  resetAt: Ms,
  /** nobody has told of it since it was last whole: `resetAt` is a guess, a period after the last call */
  guessed: z.literal(true).optional(),
  /** when the call was sent whose response told this: it knows of no call sent later */
  told: Ms,
});
export type Bucket = z.infer<typeof Bucket>;

const PoolRow = z.object({
  /** limits that the provider's responses have told; there are no others */
  buckets: z.partialRecord(RateKind, Bucket),
  /** nothing is sent before then, whatever the buckets hold */
  emptyUntil: Ms,
  /** of the newest refusal: responses to calls sent before then say nothing new of the buckets */
  refusedAt: Ms,
  /** refusals in a row that named no time */
  unstated: count,
});
export type PoolRow = z.infer<typeof PoolRow>;

/**
 * What is known of providers between calls, shared by all workers. A value: transitions make a new one, of which the
 * rows that did not change are the same objects.
 */
export type Health = {
  /** by `candidateKey` */
  readonly candidates: Readonly<Record<string, CandidateRow>>;
  readonly providers: Readonly<Record<string, ProviderRow>>;
  /** by `<provider>/<pool>` */
  readonly pools: Readonly<Record<string, PoolRow>>;
};

export const NO_HEALTH: Health = { candidates: {}, providers: {}, pools: {} };

const KINDS = { candidates: CandidateRow, providers: ProviderRow, pools: PoolRow } as const;
const kinds = Object.keys(KINDS) as (keyof Health)[];

/**
 * Health from the rows of the store (`Ledger.health`). A row that this version cannot read is left out: what it knew
 * is learned again from the next call.
 */
export const readHealth = (rows: Readonly<Record<string, unknown>>): Health => {
  const read = <Row>(kind: keyof Health, schema: z.ZodType<Row>): Record<string, Row> =>
    Object.fromEntries(
      Object.entries(rows).flatMap(([key, value]) => {
        const name = key.startsWith(`${kind}/`) ? key.slice(kind.length + 1) : undefined;
        const row = name === undefined ? undefined : schema.safeParse(value);
        return name === undefined || !row?.success ? [] : [[name, row.data]];
      }),
    );
  return {
    candidates: read("candidates", KINDS.candidates),
    providers: read("providers", KINDS.providers),
    pools: read("pools", KINDS.pools),
  };
};

/** The rows that differ, as the store has them (`Ledger.putHealth`). Rows are never taken away. */
export const changedRows = (before: Health, after: Health): { key: string; value: unknown }[] =>
  kinds.flatMap((kind) =>
    Object.entries(after[kind])
      .filter(([name, row]) => before[kind][name] !== row)
      .map(([name, value]) => ({ key: `${kind}/${name}`, value })),
  );
