import { canonicalJson, foldAll, isEnded, type RunRow, type StoredEvent } from "@headrace/domain";
import { GENESIS, verifyChain } from "./chain.ts";
import { ledgerProblems } from "./ledger/problems.ts";
import { loadState } from "./rows.ts";
import type { Sql } from "./sql.ts";

type RunHead = { run: string; seq: number; hash: string; body: string };

/** Problems of the database file itself. */
export const fileProblems = (sql: Sql): string[] => {
  const found = sql.all<{ integrity_check: string }>("PRAGMA integrity_check(20)");
  const dangling = sql.all<{ table: string; parent: string }>("PRAGMA foreign_key_check");
  return [
    ...found.map((row) => row.integrity_check).filter((text) => text !== "ok"),
    ...dangling.map((row) => `a row of ${row.table} points to nothing in ${row.parent}`),
  ];
};

/** The log of a run, read one by one. */
export function* eventsOf(sql: Sql, run: string): Generator<StoredEvent> {
  for (const row of sql.iterate<{ body: string; hash: string }>(
    "SELECT body, hash FROM events WHERE run = ? ORDER BY seq",
    run,
  ))
    yield { ...JSON.parse(row.body), hash: row.hash };
}

const heads = (sql: Sql): RunHead[] =>
  sql.all<RunHead>("SELECT run, seq, hash, body FROM runs ORDER BY ordinal");

const chainProblems = (sql: Sql, { run, seq, hash }: RunHead): string[] => {
  let last: StoredEvent | undefined;
  const watched = function* () {
    for (const event of eventsOf(sql, run)) {
      last = event;
      yield event;
    }
  };
  const broken = verifyChain(watched());
  if (broken !== undefined) return [`event ${broken.seq} of run ${run}: ${broken.reason}`];
  if ((last?.seq ?? 0) !== seq || (last?.hash ?? GENESIS) !== hash)
    return [`run ${run} stands at event ${seq}, but its log ends at ${last?.seq ?? 0}`];
  return [];
};

const foldProblems = (sql: Sql, { run, body }: RunHead): string[] => {
  const folded = foldAll(eventsOf(sql, run));
  return canonicalJson(folded) === canonicalJson(loadState(sql, run, body))
    ? []
    : [`the rows of run ${run} are not what its events fold to`];
};

/** Problems of the chains of runs that have not ended: what an unclean stop could have touched. */
export const openChainProblems = (sql: Sql): string[] =>
  heads(sql)
    .filter((head) => !isEnded((JSON.parse(head.body) as RunRow).status))
    .flatMap((head) => chainProblems(sql, head));

/** Everything that can be checked without git: the file, every chain, every row against its log. */
export const allProblems = (sql: Sql): string[] =>
  sql.snapshot(() => [
    ...fileProblems(sql),
    ...heads(sql).flatMap((head) => {
      const broken = chainProblems(sql, head);
      return broken.length > 0 ? broken : foldProblems(sql, head);
    }),
    ...ledgerProblems(sql),
  ]);
