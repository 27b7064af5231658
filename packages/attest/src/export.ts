import {
  branchRef,
  canonicalJson,
  integrationBranch,
  LedgerEntry,
  PRODUCT,
  VERSION,
} from "@headrace/domain";
import { z } from "zod";
import type { ArchiveFiles } from "./archive.ts";
import { namedBlobs } from "./audit/blobs.ts";
import { readLog, sha256 } from "./audit/log.ts";
import { type AuditOptions, type StoredCall, type StoredRun, Tally } from "./audit/records.ts";
import { type PublicKey, parsePublicKey } from "./keys.ts";

const RUN = "run.json";
const EVENTS = "events.ndjson";
const CALLS = "calls.ndjson";
/** entries; an older version put its calls there, in nano-dollars */
const LEDGER = "ledger.ndjson";
const KEY = "signing.pub.pem";
const BUNDLE = "integration.bundle";

/** `shallow`: commits of the bundle whose parents are in nobody's hands but the user's. */
export type Bundle = { bundle: Uint8Array; shallow: string[] };

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const lines = (values: readonly unknown[]): Uint8Array =>
  text(values.map((value) => `${canonicalJson(value)}\n`).join(""));

/**
 * Everything by which a run can be judged elsewhere: log, ledger, receipts with their envelopes, what they name, the
 * public key and the branch. Throws `Violation` where the log is no log.
 */
export const exportRun = async (
  options: AuditOptions & { bundle(ref: string): Promise<Bundle> },
): Promise<ArchiveFiles> => {
  const { run, stored, blob, key, bundle } = options;
  const { entries, state } = readLog(options, new Tally());
  const branch = branchRef(integrationBranch(run));
  const packed = await bundle(branch);
  const { seq, hash } = stored.head ?? {};
  const facts = { run, product: PRODUCT, version: VERSION, head: { seq, hash }, amounts: "pico" };
  const files = new Map([
    [RUN, lines([{ ...facts, branch, base: state.run.base, shallow: packed.shallow }])],
    [EVENTS, lines(entries.map(({ event }) => event))],
    [CALLS, lines(stored.calls)],
    [LEDGER, lines(stored.entries ?? [])],
    [BUNDLE, packed.bundle],
  ]);
  if (key !== undefined) files.set(KEY, text(key.pem));
  for (const { event } of entries)
    for (const { id, file } of namedBlobs(event)) {
      const bytes = await blob(id);
      if (bytes !== undefined) files.set(file, bytes);
    }
  for (const { envelope, ...receipt } of Object.values(state.receipts))
    files.set(`receipts/${receipt.id}.json`, lines([receipt]));
  return files;
};

const Head = z.object({ seq: z.number(), hash: z.string() });
const RunFile = z.object({
  run: z.string(),
  head: Head,
  shallow: z.array(z.string()),
  amounts: z.literal("pico").optional(),
});
const EventLine = z.looseObject({ seq: z.number(), hash: z.string() });
const whole = z.number().int();
const OldCall = z.object({
  id: z.string(),
  step: z.string(),
  role: z.string(),
  model: z.string(),
  state: z.string(),
  cost: whole,
});
const Call = OldCall.extend({
  task: z.string().nullable(),
  amount: whole,
  tokens: whole,
  usedTokens: whole,
  excess: whole,
  excessTokens: whole,
  accounts: z.string(),
});

const NANO_TO_PICO = 1000;

/** A call of an older archive, of which nothing but its cost is known. */
const olderCall = (row: unknown): StoredCall => {
  const call = OldCall.parse(row);
  const cost = call.cost * NANO_TO_PICO;
  const unknown = { tokens: 0, usedTokens: 0, excess: 0, excessTokens: 0, accounts: "[]" };
  return { ...call, ...unknown, task: null, amount: cost, cost };
};

/** What an archive holds of its run, as an audit reads it. */
export type Imported = Pick<AuditOptions, "run" | "stored" | "blob"> &
  Bundle & { key: PublicKey | undefined };

/** Throws where a file is missing or is not of its form. */
export const importRun = (files: ArchiveFiles): Imported => {
  const read = (name: string): string => {
    const bytes = files.get(name);
    if (bytes === undefined) throw new Error(`the archive has no ${name}`);
    return new TextDecoder().decode(bytes);
  };
  const rows = (name: string): unknown[] =>
    read(name)
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  const { run, head, shallow, amounts } = RunFile.parse(JSON.parse(read(RUN)));
  const events = rows(EVENTS).map((row) => {
    const { hash, ...body } = EventLine.parse(row);
    return { seq: body.seq, hash, body: canonicalJson(body) };
  });
  const ledger =
    amounts === undefined
      ? { calls: rows(LEDGER).map(olderCall) }
      : {
          calls: Call.array().parse(rows(CALLS)),
          entries: LedgerEntry.array().parse(rows(LEDGER)),
        };
  const stored: StoredRun = { head, events, ...ledger };
  const byHash = new Map([...files.values()].map((bytes) => [sha256(bytes), bytes]));
  return {
    run,
    stored,
    shallow,
    bundle: files.get(BUNDLE) ?? new Uint8Array(),
    key: files.has(KEY) ? parsePublicKey(KEY, read(KEY)) : undefined,
    blob: async (id) => byHash.get(id),
  };
};
