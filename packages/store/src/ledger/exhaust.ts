import type { CallRow, DemandRow, TryRow } from "@headrace/domain";
import type { Sql } from "../sql.ts";

type Body = { body: string };

/** Rows that nothing depends on: what was tried, what was asked for, and what is known of providers between calls. */
export class Exhaust {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  addTry(row: TryRow): void {
    this.#sql.run(
      "INSERT INTO tries (run, ask, body) VALUES (?, ?, ?)",
      row.run,
      row.ask,
      JSON.stringify(row),
    );
  }

  /** Of a call that nobody settled: when it broke off is not known. */
  addLost(call: CallRow): void {
    const { at, run, step, role, turn, ask, id, provider, model, cost, task, attempt } = call;
    this.addTry({
      ...{ at, run, step, role, turn, ask, call: id, provider, model },
      ...(task === undefined ? {} : { task }),
      ...(attempt === undefined ? {} : { attempt }),
      outcome: "lost",
      durationMs: 0,
      cost,
      estimated: true,
      ordinal: this.tries(run, ask).length + 1,
    });
  }

  /** What a call did cost, once somebody knows: tries add up to what calls cost. */
  correctTry(run: string, { id, ask, cost }: Pick<CallRow, "id" | "ask" | "cost">): void {
    this.#sql.run(
      `UPDATE tries SET body = json_remove(json_set(body, '$.cost', ?), '$.estimated')
       WHERE run = ? AND ask = ? AND body ->> '$.call' = ?`,
      cost,
      run,
      ask,
      id,
    );
  }

  tries(run: string, ask: string): TryRow[] {
    return this.#rows(
      "SELECT body FROM tries WHERE run = ? AND ask = ? ORDER BY ordinal",
      run,
      ask,
    );
  }

  outcomes(run: string): Map<string, string> {
    const rows = this.#sql.all<{ call: string; outcome: string }>(
      `SELECT body ->> '$.call' AS call, body ->> '$.outcome' AS outcome FROM tries
       WHERE run = ? AND body ->> '$.call' IS NOT NULL ORDER BY ordinal`,
      run,
    );
    return new Map(rows.map(({ call, outcome }) => [call, outcome]));
  }

  addDemand(row: DemandRow): void {
    this.#sql.run("INSERT INTO demand (run, body) VALUES (?, ?)", row.run, JSON.stringify(row));
  }

  all(run: string | undefined): { tries: TryRow[]; demand: DemandRow[] } {
    const of = <Row>(table: "tries" | "demand"): Row[] =>
      run === undefined
        ? this.#rows(`SELECT body FROM ${table} ORDER BY ordinal`)
        : this.#rows(`SELECT body FROM ${table} WHERE run = ? ORDER BY ordinal`, run);
    return { tries: of("tries"), demand: of("demand") };
  }

  health(): Record<string, unknown> {
    const rows = this.#sql.all<{ key: string; value: string }>("SELECT key, value FROM health");
    return Object.fromEntries(rows.map(({ key, value }) => [key, JSON.parse(value)]));
  }

  putHealth(key: string, value: unknown): void {
    this.#sql.run(
      `INSERT INTO health (key, value) VALUES (?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      key,
      JSON.stringify(value),
    );
  }

  #rows<Row>(query: string, ...values: string[]): Row[] {
    return this.#sql.all<Body>(query, ...values).map(({ body }) => JSON.parse(body));
  }
}
