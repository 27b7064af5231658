import { checkBlobs } from "./blobs.ts";
import { checkLandings } from "./landings.ts";
import { checkLedger } from "./ledger.ts";
import { readLog } from "./log.ts";
import { type AuditOptions, Tally, Violation } from "./records.ts";
import { checkRows } from "./rows.ts";
import { checkSignatures } from "./signatures.ts";

export type AuditReport = {
  run: string;
  ok: boolean;
  /** the key that signatures were checked with */
  key?: string;
  /** what was checked, with how many there were */
  checked: { what: string; count: number }[];
  violation?: { object: string; reason: string };
  /** what could not be shown, without anything being wrong */
  notes: string[];
};

/**
 * Shows from a run's records and its repository alone that they agree with each other and were not edited by who has not
 * the installation's key. Stops at the first violation; reads only.
 */
export const auditRun = async (options: AuditOptions): Promise<AuditReport> => {
  const tally = new Tally();
  const report = (rest: Partial<AuditReport>): AuditReport => ({
    run: options.run,
    ok: true,
    ...(options.key === undefined ? {} : { key: options.key.id }),
    checked: [...tally.counts].map(([what, count]) => ({ what, count })),
    notes: tally.notes,
    ...rest,
  });
  try {
    const log = readLog(options, tally);
    await checkSignatures(options, log, tally);
    await checkBlobs(options, log, tally);
    checkRows(options, log, tally);
    checkLedger(options.stored, log, tally);
    await checkLandings(options, log, tally);
    return report({});
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    const { object, reason } = error;
    return report({ ok: false, violation: { object, reason } });
  }
};
