import { type BookedCall, entryProblem, type LedgerEntry } from "@headrace/domain";
import type { Sql } from "../sql.ts";

/** Calls and entries of a run, as they are checked and exported. */
export const bookOf = <Call extends BookedCall>(
  sql: Sql,
  run: string,
): { calls: Call[]; entries: LedgerEntry[] } => ({
  calls: sql.all<Call>(
    `SELECT id, step, epoch, role, task, attempt, turn, ask, provider, model, amount, tokens, accounts,
       state, cost, used_tokens AS usedTokens, excess, excess_tokens AS excessTokens, usage, work,
       reported_cost AS reportedCost, at, settled_at AS settledAt
     FROM calls WHERE run = ? ORDER BY ordinal`,
    run,
  ),
  entries: sql.all<LedgerEntry>(
    `SELECT call, kind, amount, tokens, excess, excess_tokens AS excessTokens, what, at
     FROM ledger WHERE run = ? ORDER BY ordinal`,
    run,
  ),
});

/** Calls that are not what their entries add up to, and accounts that are not what their calls add up to. */
export const ledgerProblems = (sql: Sql): string[] => {
  const ofCalls = sql
    .all<{ run: string }>("SELECT run FROM runs ORDER BY ordinal")
    .flatMap(({ run }) => {
      const { calls, entries } = bookOf(sql, run);
      const problem = entryProblem(calls, entries);
      return problem === undefined ? [] : [`call ${problem.call} of run ${run}: ${problem.reason}`];
    });
  // over all runs, where sums may be larger than a number can be
  const ofAccounts = sql.all<{ path: string }>(
    `SELECT coalesce(a.path, c.path) AS path FROM accounts a FULL JOIN (
       SELECT value AS path, sum(iif(state = 'open', amount, 0)) AS reserved, sum(cost) AS settled,
         sum(excess) AS excess, sum(iif(state = 'open', tokens, 0)) AS reserved_tokens,
         sum(used_tokens) AS settled_tokens, sum(excess_tokens) AS excess_tokens
       FROM calls, json_each(calls.accounts) GROUP BY value) c ON c.path = a.path
     WHERE (a.reserved, a.settled, a.excess, a.reserved_tokens, a.settled_tokens, a.excess_tokens)
       IS NOT (c.reserved, c.settled, c.excess, c.reserved_tokens, c.settled_tokens, c.excess_tokens)`,
  );
  return [
    ...ofCalls,
    ...ofAccounts.map(({ path }) => `account ${path} is not what its calls add up to`),
  ];
};
