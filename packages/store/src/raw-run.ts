import type { Sql } from "./sql.ts";

type Text = { seq: number; hash: string; body: string };

/** Everything that is kept of one run, as the text it was written in. */
export type RawRun = {
  head: Text | undefined;
  events: Text[];
  rows: { kind: string; id: string; body: string }[];
  calls: RawCall[];
  records: { step: string; epoch: number; body: string }[];
};

type RawCall = {
  id: string;
  step: string;
  epoch: number;
  role: string;
  model: string;
  reserved: number;
  state: string;
  cost: number;
  usage: string | null;
  at: string;
};

/** Of one moment, whatever a writer does meanwhile. Nothing is parsed: who reads it may not trust it. */
export const readRawRun = (sql: Sql, run: string): RawRun =>
  sql.snapshot(() => ({
    head: sql.get<Text>("SELECT seq, hash, body FROM runs WHERE run = ?", run),
    events: sql.all<Text>("SELECT seq, hash, body FROM events WHERE run = ? ORDER BY seq", run),
    rows: sql.all("SELECT kind, id, body FROM rows WHERE run = ? ORDER BY ordinal", run),
    calls: sql.all(
      `SELECT id, step, epoch, role, model, reserved, state, cost, usage, at FROM calls
       WHERE run = ? ORDER BY ordinal`,
      run,
    ),
    records: sql.all("SELECT step, epoch, body FROM records WHERE run = ? ORDER BY ordinal", run),
  }));
