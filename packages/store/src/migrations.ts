import { PRODUCT, UserError } from "@headrace/domain";
import { LEDGER_MIGRATION } from "./ledger/migration.ts";
import { refoldRuns } from "./refold.ts";
import type { Sql } from "./sql.ts";

/** Migration n brings a file from `user_version` n to n + 1; one that was released is never edited. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

  -- one row a run: its newest state, and the head of its chain
  CREATE TABLE runs (
    ordinal INTEGER PRIMARY KEY,
    run TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    body TEXT NOT NULL
  ) STRICT;

  -- the log; body is the canonical JSON that was hashed, the generated columns are for people
  CREATE TABLE events (
    ordinal INTEGER PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs (run) DEFERRABLE INITIALLY DEFERRED,
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    body TEXT NOT NULL,
    type TEXT AS (body ->> '$.type'),
    at TEXT AS (body ->> '$.at'),
    task TEXT AS (body ->> '$.task'),
    prev TEXT AS (body ->> '$.prev'),
    UNIQUE (run, seq)
  ) STRICT;
  CREATE TRIGGER events_no_gap BEFORE INSERT ON events
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events WHERE run = NEW.run)
    BEGIN SELECT raise(ABORT, 'events are numbered without gaps'); END;
  CREATE TRIGGER events_no_update BEFORE UPDATE ON events
    BEGIN SELECT raise(ABORT, 'events are never changed'); END;
  CREATE TRIGGER events_no_delete BEFORE DELETE ON events
    BEGIN SELECT raise(ABORT, 'events are never removed'); END;

  -- what the events fold to, less the run's own row
  CREATE TABLE rows (
    ordinal INTEGER PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs (run) DEFERRABLE INITIALLY DEFERRED,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (run, kind, id)
  ) STRICT;

  CREATE TABLE claims (
    run TEXT NOT NULL REFERENCES runs (run),
    step TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    worker TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    released INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, step)
  ) STRICT;

  CREATE TABLE calls (
    ordinal INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    role TEXT NOT NULL,
    model TEXT NOT NULL,
    reserved INTEGER NOT NULL CHECK (reserved >= 0),
    state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'estimated', 'released')),
    cost INTEGER NOT NULL CHECK (cost >= 0),
    usage TEXT,
    at TEXT NOT NULL,
    FOREIGN KEY (run, step) REFERENCES claims (run, step)
  ) STRICT;
  CREATE INDEX calls_of_run ON calls (run, state, reserved, cost);

  CREATE TABLE records (
    ordinal INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    body TEXT NOT NULL,
    FOREIGN KEY (run, step) REFERENCES claims (run, step)
  ) STRICT;
  CREATE INDEX records_of_step ON records (run, step);

  CREATE TABLE blobs (id TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;

  -- LangGraph's view of where each graph stands: a cache, may be emptied at any time.
  -- A checkpoint names for each channel the checkpoint that wrote its value ("held").
  CREATE TABLE checkpoints (
    thread TEXT NOT NULL,
    ns TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT,
    held TEXT NOT NULL,
    type TEXT NOT NULL,
    checkpoint BLOB NOT NULL,
    metadata_type TEXT NOT NULL,
    metadata BLOB NOT NULL,
    PRIMARY KEY (thread, ns, id)
  ) STRICT;
  CREATE TABLE checkpoint_values (
    thread TEXT NOT NULL,
    ns TEXT NOT NULL,
    id TEXT NOT NULL,
    channel TEXT NOT NULL,
    type TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (thread, ns, id, channel)
  ) STRICT;
  CREATE TABLE checkpoint_writes (
    thread TEXT NOT NULL,
    ns TEXT NOT NULL,
    id TEXT NOT NULL,
    task TEXT NOT NULL,
    idx INTEGER NOT NULL,
    channel TEXT NOT NULL,
    type TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (thread, ns, id, task, idx)
  ) STRICT;
  `,
  LEDGER_MIGRATION,
];

/** The version this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** The file's version; refuses one that a newer program wrote. */
export const schemaVersion = (sql: Sql, file: string): number => {
  const version = sql.get<{ user_version: number }>("PRAGMA user_version")?.user_version ?? 0;
  if (version > SCHEMA_VERSION)
    throw new UserError(
      `${file} was written by a newer ${PRODUCT} (format ${version}, this one knows ${SCHEMA_VERSION})`,
      `update ${PRODUCT}, or name another data directory with --data`,
    );
  return version;
};

/**
 * Brings the file to `SCHEMA_VERSION`, whole or not at all. Rows follow from logs, so after an upgrade they are folded
 * anew: an older program folded them its own way.
 */
export const migrate = (sql: Sql, file: string): void =>
  sql.write(() => {
    const from = schemaVersion(sql, file);
    for (const script of MIGRATIONS.slice(from)) sql.exec(script);
    if (from > 0 && from < SCHEMA_VERSION) refoldRuns(sql, file);
    sql.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  });
