import type { Account, AccountSums, Reservation, ReserveAnswer } from "@headrace/domain";
import type { Sql } from "../sql.ts";

type Refused = Extract<ReserveAnswer, { kind: "refused" }>;

/** By how much sums of an account move. */
type Move = {
  reserved: number;
  settled: number;
  excess: number;
  reservedTokens: number;
  settledTokens: number;
  excessTokens: number;
};

/**
 * Running sums of what is held and settled, by account. A sum may be over more runs than a number can count, so sums are
 * added and compared where they lie, in 64 bits; past those, at 9.2 million USD, the transaction fails. Parameters of
 * a calculation are bound as big integers: SQLite would take numbers for floating point.
 */
export class Accounts {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** The first account that cannot hold so much more. What was reported above a reservation is as good as spent. */
  refusal(accounts: readonly Account[], call: Reservation): Refused | undefined {
    for (const { level, path, limit, tokens } of accounts) {
      const refused = (needed: number, available: number, held: number) =>
        ({ kind: "refused", level, path, needed, available, held }) as const;
      const left = limit === undefined ? call.amount : this.#left(path, limit);
      if (call.amount > left) return refused(call.amount, left, this.#held(path).money);
      const tokensLeft = tokens === undefined ? call.tokens : this.#tokensLeft(path, tokens);
      if (call.tokens > tokensLeft)
        return { ...refused(call.tokens, tokensLeft, this.#held(path).tokens), tokens: true };
    }
    return undefined;
  }

  /** Makes the accounts that are not there yet. */
  open(paths: readonly string[]): void {
    this.#sql.run(
      "INSERT INTO accounts (path) SELECT value FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
      JSON.stringify(paths),
    );
  }

  move(paths: readonly string[], by: Partial<Move>): void {
    const sums: Move = {
      ...{ reserved: 0, settled: 0, excess: 0 },
      ...{ reservedTokens: 0, settledTokens: 0, excessTokens: 0 },
      ...by,
    };
    const moved = this.#sql.run(
      `UPDATE accounts SET reserved = reserved + ?, settled = settled + ?, excess = excess + ?,
         reserved_tokens = reserved_tokens + ?, settled_tokens = settled_tokens + ?,
         excess_tokens = excess_tokens + ?
       WHERE path IN (SELECT value FROM json_each(?))`,
      BigInt(sums.reserved),
      BigInt(sums.settled),
      BigInt(sums.excess),
      BigInt(sums.reservedTokens),
      BigInt(sums.settledTokens),
      BigInt(sums.excessTokens),
      JSON.stringify(paths),
    );
    if (moved !== paths.length)
      throw new Error(`of the accounts ${paths.join(", ")} only ${moved} are there`);
  }

  /** In this order; nothing has been held on an account that is not there. As floating point, for some are too large. */
  sums(paths: readonly string[]): AccountSums[] {
    const sum = (column: string) => `CAST(coalesce(${column}, 0) AS REAL)`;
    return this.#sql.all<AccountSums>(
      `SELECT asked.value AS path, ${sum("reserved")} AS reserved, ${sum("settled")} AS settled,
         ${sum("excess")} AS excess, ${sum("reserved_tokens")} AS reservedTokens,
         ${sum("settled_tokens")} AS settledTokens, ${sum("excess_tokens")} AS excessTokens
       FROM json_each(?) AS asked LEFT JOIN accounts ON accounts.path = asked.value
       ORDER BY asked.key`,
      JSON.stringify(paths),
    );
  }

  #left(path: string, limit: number): number {
    return this.#room("? - settled - reserved - excess", path, limit);
  }

  #tokensLeft(path: string, limit: number): number {
    return this.#room("? - settled_tokens - reserved_tokens - excess_tokens", path, limit);
  }

  #held(path: string): { money: number; tokens: number } {
    const query =
      "SELECT reserved AS money, reserved_tokens AS tokens FROM accounts WHERE path = ?";
    return this.#sql.get<{ money: number; tokens: number }>(query, path) ?? { money: 0, tokens: 0 };
  }

  #room(left: string, path: string, limit: number): number {
    const query = `SELECT max(0, ${left}) AS room FROM accounts WHERE path = ?`;
    return this.#sql.get<{ room: number }>(query, BigInt(limit), path)?.room ?? limit;
  }
}
