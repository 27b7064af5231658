import { ROW_KINDS, type RowKind, type RunState } from "@headrace/domain";
import type { Sql } from "./sql.ts";

type Rows = Record<string, unknown>;

/** Writes the rows in which two states of a run differ; folds share what they leave alone. */
export const saveRows = (
  sql: Sql,
  run: string,
  before: RunState | undefined,
  after: RunState,
): void => {
  for (const kind of ROW_KINDS) {
    const old: Rows = before?.[kind] ?? {};
    const now: Rows = after[kind];
    for (const [id, row] of Object.entries(now)) {
      if (Object.hasOwn(old, id) && old[id] === row) continue;
      sql.run(
        `INSERT INTO rows (run, kind, id, body) VALUES (?, ?, ?, ?)
         ON CONFLICT (run, kind, id) DO UPDATE SET body = excluded.body`,
        run,
        kind,
        id,
        JSON.stringify(row),
      );
    }
    for (const id of Object.keys(old))
      if (!Object.hasOwn(now, id))
        sql.run("DELETE FROM rows WHERE run = ? AND kind = ? AND id = ?", run, kind, id);
  }
};

/** The state whose own row is `body`. Rows come in the order they were first written, as folds keep them. */
export const loadState = (sql: Sql, run: string, body: string): RunState => {
  const rows = sql.all<{ kind: RowKind; id: string; body: string }>(
    "SELECT kind, id, body FROM rows WHERE run = ? ORDER BY ordinal",
    run,
  );
  const kinds = ROW_KINDS.map((kind) => [
    kind,
    Object.fromEntries(
      rows.filter((row) => row.kind === kind).map((row) => [row.id, JSON.parse(row.body)]),
    ),
  ]);
  return { run: JSON.parse(body), ...Object.fromEntries(kinds) };
};
