import {
  type CallRow,
  type Clock,
  type Fence,
  type Pico,
  type NewEvent,
  NO_USAGE,
  type ReserveAnswer,
  Role,
  type RunState,
  type Store,
} from "@headrace/domain";
import type { Sql } from "./sql.ts";

type NewCall = Parameters<Store["reserve"]>[1];
type Settled = Parameters<Store["settle"]>[1];
type Stored = Omit<CallRow, "usage"> & { usage: string | null };

const COLUMNS = "id, run, step, epoch, role, model, reserved, state, cost, usage, at";

const toCallRow = ({ usage, ...row }: Stored): CallRow =>
  usage === null ? row : { ...row, usage: JSON.parse(usage) };

/**
 * Reservations and what they became. These rows, not the folded state, say what a run has spent; the events
 * that settle a call must tell the same sum. Called within a transaction, after the fence was checked.
 */
export class Ledger {
  readonly #sql: Sql;
  readonly #clock: Clock;

  constructor(sql: Sql, clock: Clock) {
    this.#sql = sql;
    this.#clock = clock;
  }

  reserve({ run, step, epoch }: Fence, call: NewCall, budget: Pico): ReserveAnswer {
    const available = Math.max(0, budget - this.#committed(run));
    if (call.worstCase > available) return { kind: "refused", needed: call.worstCase, available };
    this.#sql.run(
      `INSERT INTO calls (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, 'open', 0, NULL, ?)`,
      call.id,
      run,
      step,
      epoch,
      Role.parse(call.role),
      call.model,
      call.worstCase,
      this.#clock.now().toISOString(),
    );
    return { kind: "granted" };
  }

  /** False when the call was settled before; then nothing changes. */
  settle(fence: Fence, call: Settled, events: readonly NewEvent[]): boolean {
    const row = this.#sql.get<Stored>(`SELECT ${COLUMNS} FROM calls WHERE id = ?`, call.id);
    if (row?.run !== fence.run || row.step !== fence.step || row.epoch !== fence.epoch)
      throw new Error(`epoch ${fence.epoch} of step ${fence.step} reserved no call ${call.id}`);
    if (row.state !== "open") return false;
    const told = events.reduce((sum, e) => sum + (e.type === "model.called" ? e.cost : 0), 0);
    if (told !== call.cost)
      throw new Error(
        `call ${call.id} costs ${call.cost}, but its model.called events say ${told}`,
      );
    this.#settle(call);
    return true;
  }

  /**
   * Settles open calls that nobody can settle any more at their reservation. A lease that ran out ends for good
   * with its call, so that a late worker is refused and never half recorded.
   */
  settleOrphans(run: string): CallRow[] {
    const orphans = this.#sql.all<Stored>(
      `SELECT ${COLUMNS} FROM calls WHERE run = ? AND state = 'open' AND EXISTS (
         SELECT 1 FROM claims WHERE claims.run = calls.run AND claims.step = calls.step
           AND (claims.epoch > calls.epoch OR claims.released = 1 OR claims.until_ms <= ?))
       ORDER BY ordinal`,
      run,
      this.#clock.now().getTime(),
    );
    return orphans.map((orphan) => {
      this.#settle({ id: orphan.id, state: "estimated", cost: orphan.reserved, usage: NO_USAGE });
      this.#sql.run(
        "UPDATE claims SET released = 1 WHERE run = ? AND step = ? AND epoch = ?",
        run,
        orphan.step,
        orphan.epoch,
      );
      return toCallRow({
        ...orphan,
        state: "estimated",
        cost: orphan.reserved,
        usage: JSON.stringify(NO_USAGE),
      });
    });
  }

  calls(run: string): CallRow[] {
    return this.#sql
      .all<Stored>(`SELECT ${COLUMNS} FROM calls WHERE run = ? ORDER BY ordinal`, run)
      .map(toCallRow);
  }

  /** Spent and held by open reservations. */
  #committed(run: string): Pico {
    const row = this.#sql.get<{ sum: number }>(
      "SELECT coalesce(sum(iif(state = 'open', reserved, cost)), 0) AS sum FROM calls WHERE run = ?",
      run,
    );
    return row?.sum ?? 0;
  }

  #settle({ id, state, cost, usage }: Settled): void {
    this.#sql.run(
      "UPDATE calls SET state = ?, cost = ?, usage = ? WHERE id = ?",
      state,
      cost,
      usage === undefined ? null : JSON.stringify(usage),
      id,
    );
  }
}

/** The event by which the fold learns of an orphan. */
export const orphanSettled = (call: CallRow, state: RunState | undefined): NewEvent => {
  const { task, attempt } = state?.steps[call.step] ?? {};
  return {
    type: "model.called",
    call: call.id,
    step: call.step,
    role: Role.parse(call.role),
    model: call.model,
    usage: NO_USAGE,
    cost: call.cost,
    estimated: true,
    durationMs: 0,
    ...(task === undefined ? {} : { task }),
    ...(attempt === undefined ? {} : { attempt }),
  };
};
