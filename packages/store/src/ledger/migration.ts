/**
 * The ledger: entries that are only ever added, and what they add up to. A file of version 1 had calls alone, in
 * nano-dollars; of a call that cost more than it held (nothing kept it from that) the hold is taken to be the cost.
 */
export const LEDGER_MIGRATION = `
  DROP INDEX calls_of_run;
  ALTER TABLE calls RENAME TO calls_1;

  -- the newest state of each call; accounts: the paths it is held on
  CREATE TABLE calls (
    ordinal INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    role TEXT NOT NULL,
    task TEXT,
    attempt INTEGER,
    turn INTEGER NOT NULL,
    ask TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    tokens INTEGER NOT NULL CHECK (tokens >= 0),
    accounts TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'estimated', 'released')),
    cost INTEGER NOT NULL DEFAULT 0 CHECK (cost BETWEEN 0 AND amount),
    used_tokens INTEGER NOT NULL DEFAULT 0 CHECK (used_tokens BETWEEN 0 AND tokens),
    excess INTEGER NOT NULL DEFAULT 0 CHECK (excess >= 0),
    excess_tokens INTEGER NOT NULL DEFAULT 0 CHECK (excess_tokens >= 0),
    usage TEXT,
    work INTEGER,
    reported_cost INTEGER,
    at TEXT NOT NULL,
    settled_at TEXT,
    CHECK ((state = 'open') = (settled_at IS NULL)),
    FOREIGN KEY (run, step) REFERENCES claims (run, step)
  ) STRICT;
  CREATE INDEX calls_of_run ON calls (run, settled_at, amount, cost, excess);
  CREATE INDEX calls_of_step ON calls (run, step, state);
  CREATE INDEX calls_of_task ON calls (run, task, role, state);
  CREATE INDEX calls_of_candidate ON calls (run, provider, model, state);

  -- in the order of their ordinals; amounts in pico-dollars
  CREATE TABLE ledger (
    ordinal INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    call TEXT NOT NULL REFERENCES calls (id),
    kind TEXT NOT NULL
      CHECK (kind IN ('reserve', 'settle', 'release', 'adjust', 'convert', 'overhead', 'waste')),
    amount INTEGER NOT NULL CHECK (amount >= 0 OR kind = 'adjust'),
    tokens INTEGER NOT NULL DEFAULT 0 CHECK (tokens >= 0 OR kind = 'adjust'),
    excess INTEGER NOT NULL DEFAULT 0 CHECK (excess >= 0),
    excess_tokens INTEGER NOT NULL DEFAULT 0 CHECK (excess_tokens >= 0),
    what TEXT,
    at TEXT NOT NULL
  ) STRICT;
  CREATE INDEX ledger_of_run ON ledger (run, kind, what, amount);
  CREATE INDEX ledger_of_call ON ledger (call);

  -- running sums, so that a reservation costs as many reads as it has accounts
  CREATE TABLE accounts (
    path TEXT PRIMARY KEY,
    reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    settled INTEGER NOT NULL DEFAULT 0 CHECK (settled >= 0),
    excess INTEGER NOT NULL DEFAULT 0 CHECK (excess >= 0),
    reserved_tokens INTEGER NOT NULL DEFAULT 0 CHECK (reserved_tokens >= 0),
    settled_tokens INTEGER NOT NULL DEFAULT 0 CHECK (settled_tokens >= 0),
    excess_tokens INTEGER NOT NULL DEFAULT 0 CHECK (excess_tokens >= 0)
  ) STRICT;

  -- data exhaust: every HTTP attempt, and every choice of a model
  CREATE TABLE tries (
    ordinal INTEGER PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs (run),
    ask TEXT NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX tries_of_ask ON tries (run, ask);
  CREATE TABLE demand (
    ordinal INTEGER PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs (run),
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX demand_of_run ON demand (run);

  CREATE TABLE health (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

  INSERT INTO calls (ordinal, id, run, step, epoch, role, task, attempt, turn, ask, provider, model,
      amount, tokens, accounts, state, cost, used_tokens, usage, at, settled_at)
    WITH
    told AS MATERIALIZED (
      SELECT body ->> '$.call' AS call, max(body ->> '$.at') AS at FROM events
      WHERE body ->> '$.type' = 'model.called' GROUP BY 1),
    owned AS MATERIALIZED (
      SELECT c.*, s.body ->> '$.task' AS task, s.body ->> '$.attempt' AS attempt,
        told.at AS told_at,
        coalesce((SELECT sum(value) FROM json_each(c.usage)), 0) AS used
      FROM calls_1 c
      LEFT JOIN rows s ON s.run = c.run AND s.kind = 'steps' AND s.id = c.step
      LEFT JOIN told ON told.call = c.id)
    SELECT ordinal, id, run, step, epoch, role, task, attempt,
      -- each is an asking of its own, of a turn that was not noted, to the one provider there was
      0, id, 'anthropic', model,
      max(reserved, cost) * 1000, used,
      CASE
        WHEN task IS NULL
          THEN json_array('installation', 'day/' || substr(at, 1, 10), 'run/' || run)
        WHEN attempt IS NULL
          THEN json_array('installation', 'day/' || substr(at, 1, 10), 'run/' || run,
            'run/' || run || '/' || task)
        ELSE json_array('installation', 'day/' || substr(at, 1, 10), 'run/' || run,
          'run/' || run || '/' || task, 'run/' || run || '/' || task || '/' || attempt)
      END,
      state, cost * 1000, iif(state IN ('open', 'released'), 0, used), usage, at,
      iif(state = 'open', NULL, coalesce(told_at, at))
    FROM owned ORDER BY ordinal;
  DROP TABLE calls_1;

  INSERT INTO ledger (run, call, kind, amount, tokens, what, at)
    SELECT run, id, kind, amount, tokens, what, at FROM (
      SELECT run, id, ordinal, 'reserve' AS kind, amount, tokens, NULL AS what, at FROM calls
      UNION ALL
      SELECT run, id, ordinal, iif(state = 'released', 'release', 'settle'), cost, used_tokens,
        iif(state = 'released', NULL, state), settled_at FROM calls WHERE state <> 'open')
    ORDER BY at, ordinal, kind = 'settle' OR kind = 'release';

  INSERT INTO accounts
    SELECT value, sum(iif(state = 'open', amount, 0)), sum(cost), 0,
      sum(iif(state = 'open', tokens, 0)), sum(used_tokens), 0
    FROM calls, json_each(calls.accounts) GROUP BY value;

  CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
    BEGIN SELECT raise(ABORT, 'entries of the ledger are never changed'); END;
  CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
    BEGIN SELECT raise(ABORT, 'entries of the ledger are never removed'); END;
  -- a call is held once, ends once and is corrected once; nor can an entry be replaced
  CREATE TRIGGER ledger_once BEFORE INSERT ON ledger
    WHEN EXISTS (SELECT 1 FROM ledger WHERE ordinal = NEW.ordinal)
      OR EXISTS (SELECT 1 FROM ledger WHERE call = NEW.call AND (
        (kind = NEW.kind AND kind IN ('reserve', 'adjust'))
        OR (kind IN ('settle', 'release') AND NEW.kind IN ('settle', 'release'))))
    BEGIN SELECT raise(ABORT, 'the ledger has that entry already'); END;
`;
