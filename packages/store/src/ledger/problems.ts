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
    `SELECT path FROM (
       SELECT path, reserved, settled, excess, reserved_tokens, settled_tokens, excess_tokens
       FROM accounts
       UNION ALL
       SELECT value, -sum(iif(state = 'open', amount, 0)), -sum(cost), -sum(excess),
         -sum(iif(state = 'open', tokens, 0)), -sum(used_tokens), -sum(excess_tokens)
       FROM calls, json_each(calls.accounts) GROUP BY value)
     GROUP BY path
     HAVING count(*) <> 2 OR sum(reserved) <> 0 OR sum(settled) <> 0 OR sum(excess) <> 0
       OR sum(reserved_tokens) <> 0 OR sum(settled_tokens) <> 0 OR sum(excess_tokens) <> 0`,
  );
  return [
    ...ofCalls,
    ...ofAccounts.map(({ path }) => `account ${path} is not what its calls add up to`),
  ];
};
