import {
  type ClassedCall,
  classedBy,
  type LedgerEntry,
  type OverheadKind,
  type SpendPart,
  type SpendTotals,
  type WasteKind,
} from "@headrace/domain";
import type { Sql } from "../sql.ts";

type NewEntry = Pick<LedgerEntry, "call" | "kind" | "amount" | "at"> & Partial<LedgerEntry>;

type Sum = { kind: LedgerEntry["kind"]; what: string | null; sum: string };

const COLUMNS = "call, kind, amount, tokens, excess, excess_tokens AS excessTokens, what, at";

const KINDS = { converted: "convert", overhead: "overhead", waste: "waste" } as const;

/** The entries: added, read and never changed. */
export class Entries {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  add(run: string, entry: NewEntry): void {
    this.#sql.run(
      `INSERT INTO ledger (run, call, kind, amount, tokens, excess, excess_tokens, what, at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      run,
      entry.call,
      entry.kind,
      entry.amount,
      entry.tokens ?? 0,
      entry.excess ?? 0,
      entry.excessTokens ?? 0,
      entry.what ?? null,
      entry.at,
    );
  }

  addPart(run: string, call: string, part: SpendPart, at: string): void {
    const what = part.as === "converted" ? part.commit : part.kind;
    this.add(run, { call, kind: KINDS[part.as], amount: part.amount, what, at });
  }

  isClassed(call: string): boolean {
    const found = this.#sql.get(
      "SELECT 1 FROM ledger WHERE call = ? AND kind IN ('convert', 'overhead', 'waste') LIMIT 1",
      call,
    );
    return found !== undefined;
  }

  classed(run: string): ClassedCall[] {
    return classedBy(
      this.#sql.all<LedgerEntry>(
        `SELECT ${COLUMNS} FROM ledger
         WHERE run = ? AND kind IN ('convert', 'overhead', 'waste') ORDER BY ordinal`,
        run,
      ),
    );
  }

  /** Sums are made in 64 bits, and what is in flight in big integers, before any of them becomes a number. */
  totals(run: string | undefined): SpendTotals {
    const query = (where: string) =>
      `SELECT kind, iif(kind IN ('overhead', 'waste'), what, NULL) AS what,
         CAST(sum(amount) AS TEXT) AS sum
       FROM ledger WHERE kind NOT IN ('reserve', 'release') ${where} GROUP BY 1, 2`;
    const sums =
      run === undefined
        ? this.#sql.all<Sum>(query(""))
        : this.#sql.all<Sum>(query("AND run = ?"), run);
    const total = (...kinds: LedgerEntry["kind"][]): bigint =>
      sums
        .filter(({ kind }) => kinds.includes(kind))
        .reduce((all, { sum }) => all + BigInt(sum), 0n);
    const byKind = <K extends string>(of: LedgerEntry["kind"]) =>
      Object.fromEntries(
        sums.filter(({ kind }) => kind === of).map(({ what, sum }) => [what, Number(sum)]),
      ) as Partial<Record<K, number>>;
    const settled = total("settle", "adjust");
    return {
      settled: Number(settled),
      converted: Number(total("convert")),
      overhead: byKind<OverheadKind>("overhead"),
      waste: byKind<WasteKind>("waste"),
      inFlight: Number(settled - total("convert", "overhead", "waste")),
    };
  }
}
