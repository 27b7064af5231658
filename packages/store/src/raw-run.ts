import type { AccountSums, BookedCall, LedgerEntry } from "@headrace/domain";
import { bookOf } from "./ledger/problems.ts";
import type { Sql } from "./sql.ts";

type Text = { seq: number; hash: string; body: string };

/** Everything that is kept of one run, as the text it was written in. */
export type RawRun = {
  head: Text | undefined;
  events: Text[];
  rows: { kind: string; id: string; body: string }[];
  calls: RawCall[];
  entries: LedgerEntry[];
  /** of the run, its tasks and its attempts: those above it are other runs' as well */
  accounts: AccountSums[];
  records: { step: string; epoch: number; body: string }[];
};

type RawCall = BookedCall & {
  step: string;
  epoch: number;
  role: string;
  task: string | null;
  attempt: number | null;
  turn: number;
  ask: string;
  provider: string;
  model: string;
  usage: string | null;
  work: number | null;
  reportedCost: number | null;
  at: string;
  settledAt: string | null;
};

/** Of one moment, whatever a writer does meanwhile. Nothing is parsed: who reads it may not trust it. */
export const readRawRun = (sql: Sql, run: string): RawRun =>
  sql.snapshot(() => ({
    head: sql.get<Text>("SELECT seq, hash, body FROM runs WHERE run = ?", run),
    events: sql.all<Text>("SELECT seq, hash, body FROM events WHERE run = ? ORDER BY seq", run),
    rows: sql.all("SELECT kind, id, body FROM rows WHERE run = ? ORDER BY ordinal", run),
    ...bookOf<RawCall>(sql, run),
    accounts: sql.all(
      `SELECT path, reserved, settled, excess, reserved_tokens AS reservedTokens,
         settled_tokens AS settledTokens, excess_tokens AS excessTokens
       FROM accounts WHERE path = 'run/' || ? OR path LIKE 'run/' || ? || '/%' ORDER BY path`,
      run,
      run,
    ),
    records: sql.all("SELECT step, epoch, body FROM records WHERE run = ? ORDER BY ordinal", run),
  }));
