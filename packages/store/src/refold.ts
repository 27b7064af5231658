import { foldAll, type RunState, UserError } from "@headrace/domain";
import { eventsOf } from "./integrity.ts";
import { saveRows } from "./rows.ts";
import type { Sql } from "./sql.ts";

const folded = (sql: Sql, file: string, run: string): RunState | undefined => {
  try {
    return foldAll(eventsOf(sql, run));
  } catch (cause) {
    throw new UserError(
      `${file} cannot be brought up to date: the log of run ${run} cannot be read`,
      "restore it from a backup; nothing was changed",
      { cause },
    );
  }
};

/** Writes the rows of every run as this version folds them. Called within a transaction. */
export const refoldRuns = (sql: Sql, file: string): void => {
  for (const { run } of sql.all<{ run: string }>("SELECT run FROM runs")) {
    const state = folded(sql, file, run);
    if (state === undefined) continue;
    sql.run("UPDATE runs SET body = ? WHERE run = ?", JSON.stringify(state.run), run);
    sql.run("DELETE FROM rows WHERE run = ?", run);
    saveRows(sql, run, undefined, state);
  }
};
