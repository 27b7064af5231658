import { branchRef, canonicalJson, integrationBranch, PRODUCT, VERSION } from "@headrace/domain";
import { z } from "zod";
import type { ArchiveFiles } from "./archive.ts";
import { namedBlobs } from "./audit/blobs.ts";
import { readLog, sha256 } from "./audit/log.ts";
import { type AuditOptions, type StoredRun, Tally } from "./audit/records.ts";
import { type PublicKey, parsePublicKey } from "./keys.ts";

const RUN = "run.json";
const EVENTS = "events.ndjson";
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
  const facts = { run, product: PRODUCT, version: VERSION, head: { seq, hash } };
  const files = new Map([
    [RUN, lines([{ ...facts, branch, base: state.run.base, shallow: packed.shallow }])],
    [EVENTS, lines(entries.map(({ event }) => event))],
    [LEDGER, lines(stored.calls)],
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
const RunFile = z.object({ run: z.string(), head: Head, shallow: z.array(z.string()) });
const EventLine = z.looseObject({ seq: z.number(), hash: z.string() });
const Call = z.object({
  id: z.string(),
  step: z.string(),
  role: z.string(),
  model: z.string(),
  state: z.string(),
  cost: z.number(),
});

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
  const { run, head, shallow } = RunFile.parse(JSON.parse(read(RUN)));
  const events = rows(EVENTS).map((row) => {
    const { hash, ...body } = EventLine.parse(row);
    return { seq: body.seq, hash, body: canonicalJson(body) };
  });
  const stored: StoredRun = { head, events, calls: Call.array().parse(rows(LEDGER)) };
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
