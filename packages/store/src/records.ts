import type { Fence, RecordPart } from "@headrace/domain";
import type { Sql } from "./sql.ts";

/** Parts of step records, in the order they came, whichever epoch appended them. */
export class Records {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  append({ run, step, epoch }: Fence, part: RecordPart): void {
    this.#sql.run(
      "INSERT INTO records (run, step, epoch, body) VALUES (?, ?, ?, ?)",
      run,
      step,
      epoch,
      JSON.stringify(part),
    );
  }

  of(run: string, step: string): RecordPart[] {
    return this.#sql
      .all<{ body: string }>(
        "SELECT body FROM records WHERE run = ? AND step = ? ORDER BY ordinal",
        run,
        step,
      )
      .map(({ body }) => JSON.parse(body));
  }
}
