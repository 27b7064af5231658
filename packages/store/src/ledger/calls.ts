import {
  type CallRow,
  type Fence,
  type Ledger,
  type Reservation,
  Role,
  type Settled,
} from "@headrace/domain";
import type { Sql } from "../sql.ts";
import type { Booking } from "./booking.ts";

type Nullable<T> = {
  [K in keyof T]-?: undefined extends T[K] ? Exclude<T[K], undefined> | null : T[K];
};

type Stored = Nullable<Omit<CallRow, "usage">> & {
  usage: string | null;
  accounts: string;
  usedTokens: number;
};

/** A call with the accounts it is held on. */
export type Held = { row: CallRow; accounts: string[]; usedTokens: number };

const COLUMNS = `id, run, step, epoch, role, task, attempt, turn, ask, provider, model, amount, tokens,
  accounts, state, cost, used_tokens AS usedTokens, excess, usage, work, reported_cost AS reportedCost,
  at, settled_at AS settledAt`;

const present = <K extends string, T>(key: K, value: T | null): Partial<Record<K, T>> =>
  value === null ? {} : ({ [key]: value } as Record<K, T>);

const toRow = ({ accounts: _, usedTokens: __, ...stored }: Stored): CallRow => {
  const { task, attempt, excess, usage, work, reportedCost, settledAt, ...row } = stored;
  return {
    ...row,
    ...present("task", task),
    ...present("attempt", attempt),
    ...(excess === 0 ? {} : present("excess", excess)),
    ...present("usage", usage === null ? null : JSON.parse(usage)),
    ...present("work", work),
    ...present("reportedCost", reportedCost),
    ...present("settledAt", settledAt),
  };
};

const toHeld = (stored: Stored): Held => ({
  row: toRow(stored),
  accounts: JSON.parse(stored.accounts),
  usedTokens: stored.usedTokens,
});

/** As SQL, with what stands in it. Each has its index. */
const whoseCall = (of: Parameters<Ledger["lastUsed"]>[1]): [string, ...string[]] => {
  if ("step" in of) return ["step = ?", of.step];
  if ("task" in of) return ["task = ? AND role = ?", of.task, of.role];
  return ["provider = ? AND model = ?", of.provider, of.model];
};

/** The newest state of each call. */
export class Calls {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  find(id: string): Held | undefined {
    const stored = this.#sql.get<Stored>(`SELECT ${COLUMNS} FROM calls WHERE id = ?`, id);
    return stored && toHeld(stored);
  }

  /** Those nobody can settle any more: their epoch was superseded or released, or its lease has run out. */
  orphans(run: string, now: Date): Held[] {
    return this.#sql
      .all<Stored>(
        `SELECT ${COLUMNS} FROM calls WHERE run = ? AND settled_at IS NULL AND EXISTS (
           SELECT 1 FROM claims WHERE claims.run = calls.run AND claims.step = calls.step
             AND (claims.epoch > calls.epoch OR claims.released = 1 OR claims.until_ms <= ?))
         ORDER BY ordinal`,
        run,
        now.getTime(),
      )
      .map(toHeld);
  }

  of(run: string): CallRow[] {
    return this.#sql
      .all<Stored>(`SELECT ${COLUMNS} FROM calls WHERE run = ? ORDER BY ordinal`, run)
      .map(toRow);
  }

  lastUsed(run: string, of: Parameters<Ledger["lastUsed"]>[1]): CallRow | undefined {
    const [where, ...whose] = whoseCall(of);
    const stored = this.#sql.get<Stored>(
      `SELECT ${COLUMNS} FROM calls WHERE run = ? AND ${where} AND state = 'settled'
         AND usage IS NOT NULL ORDER BY ordinal DESC LIMIT 1`,
      run,
      ...whose,
    );
    return stored && toRow(stored);
  }

  insert({ run, step, epoch }: Fence, call: Reservation, accounts: string[], at: string): void {
    this.#sql.run(
      `INSERT INTO calls (id, run, step, epoch, role, task, attempt, turn, ask, provider, model,
         amount, tokens, accounts, state, at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?)`,
      call.id,
      run,
      step,
      epoch,
      Role.parse(call.role),
      call.task ?? null,
      call.attempt ?? null,
      call.turn,
      call.ask,
      call.provider,
      call.model,
      call.amount,
      call.tokens,
      JSON.stringify(accounts),
      at,
    );
  }

  /** Writes what a call is settled or corrected at; what is not known now stays as it was. */
  update(
    id: string,
    { state, cost, usedTokens, excess, excessTokens }: Booking,
    { usage, work, reportedCost }: Pick<Settled, "usage" | "work" | "reportedCost">,
    settledAt: string,
  ): void {
    this.#sql.run(
      `UPDATE calls SET state = ?, cost = ?, used_tokens = ?, excess = ?, excess_tokens = ?,
         usage = coalesce(?, usage), work = coalesce(?, work),
         reported_cost = coalesce(?, reported_cost), settled_at = ?
       WHERE id = ?`,
      state,
      cost,
      usedTokens,
      excess,
      excessTokens,
      usage === undefined ? null : JSON.stringify(usage),
      work ?? null,
      reportedCost ?? null,
      settledAt,
      id,
    );
  }
}
