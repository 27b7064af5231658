import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

const BUSY_TIMEOUT_MS = 5000;
const SQLITE_IOERR = 10;

/** The primary result code of an SQLite error; undefined for any other error. */
export const resultCode = (error: unknown): number | undefined =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number"
    ? error.errcode & 0xff
    : undefined;

/** One connection: prepared statements kept by their text, and transactions that do not nest. */
export class Sql {
  readonly readOnly: boolean;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #broken: unknown;

  constructor(file: string, readOnly: boolean) {
    this.#db = new DatabaseSync(file, { readOnly, timeout: BUSY_TIMEOUT_MS });
    this.readOnly = readOnly;
  }

  /** Rows are ours, so their type is stated by the caller and not checked again. */
  all<Row>(query: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(query).all(...values) as Row[];
  }

  get<Row>(query: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(query).get(...values) as Row | undefined;
  }

  /** Rows one by one; no transaction may end before the last was taken. */
  iterate<Row>(query: string, ...values: SQLInputValue[]): Iterable<Row> {
    return this.#prepare(query).iterate(...values) as Iterable<Row>;
  }

  /** Returns the number of rows changed. */
  run(query: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(query).run(...values).changes);
  }

  exec(script: string): void {
    this.#db.exec(script);
  }

  /** Commits what `work` did when it returns and undoes it when it throws. */
  write<T>(work: () => T): T {
    if (this.readOnly) throw new Error("the store was opened read-only");
    return this.#transaction("BEGIN IMMEDIATE", work);
  }

  /** Reads of one moment, whatever a writer in another process does meanwhile. */
  snapshot<T>(work: () => T): T {
    // the one writer sees nobody else's changes, and may be reading within its own transaction
    return this.readOnly ? this.#transaction("BEGIN", work) : work();
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #transaction<T>(begin: string, work: () => T): T {
    if (this.#broken !== undefined)
      throw new Error("the disk failed under the store: restart", { cause: this.#broken });
    if (this.#db.isTransaction) throw new Error("the store was called from within a transaction");
    this.#db.exec(begin);
    try {
      const result = work();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      // after a failed fsync the kernel may have dropped the pages: a retry would lie
      if (resultCode(error) === SQLITE_IOERR) this.#broken = error;
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  #prepare(query: string): StatementSync {
    const known = this.#statements.get(query);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(query);
    this.#statements.set(query, statement);
    return statement;
  }
}
