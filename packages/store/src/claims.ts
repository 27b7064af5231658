import { type ClaimAnswer, type Clock, type Fence, StaleEpochError } from "@headrace/domain";
import type { Sql } from "./sql.ts";

type ClaimRow = { epoch: number; until_ms: number; released: number };

const iso = (ms: number): string => new Date(ms).toISOString();

/** Who may act for a step: the newest epoch, until it is released. Called within a transaction. */
export class Claims {
  readonly #sql: Sql;
  readonly #clock: Clock;

  constructor(sql: Sql, clock: Clock) {
    this.#sql = sql;
    this.#clock = clock;
  }

  claim(run: string, step: string, worker: string, ttlMs: number): ClaimAnswer {
    const now = this.#clock.now().getTime();
    const newest = this.#newest(run, step);
    if (newest !== undefined && newest.released === 0 && newest.until_ms > now)
      return { kind: "busy", until: iso(newest.until_ms) };
    const epoch = (newest?.epoch ?? 0) + 1;
    this.#sql.run(
      `INSERT INTO claims (run, step, epoch, worker, until_ms) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (run, step) DO UPDATE SET epoch = excluded.epoch, worker = excluded.worker,
         until_ms = excluded.until_ms, released = 0`,
      run,
      step,
      epoch,
      worker,
      now + ttlMs,
    );
    return { kind: "claimed", epoch, until: iso(now + ttlMs) };
  }

  /** Throws `StaleEpochError` unless the fence is the newest claim of its step and was not released. */
  check({ run, step, epoch }: Fence): void {
    const newest = this.#newest(run, step);
    if (newest === undefined || newest.epoch !== epoch || newest.released !== 0)
      throw new StaleEpochError(step, epoch);
  }

  renew(fence: Fence, ttlMs: number): string {
    this.check(fence);
    const until = this.#clock.now().getTime() + ttlMs;
    this.#sql.run(
      "UPDATE claims SET until_ms = ? WHERE run = ? AND step = ?",
      until,
      fence.run,
      fence.step,
    );
    return iso(until);
  }

  release({ run, step, epoch }: Fence): void {
    this.#sql.run(
      "UPDATE claims SET released = 1 WHERE run = ? AND step = ? AND epoch = ?",
      run,
      step,
      epoch,
    );
  }

  releaseAll(worker: string): void {
    this.#sql.run("UPDATE claims SET released = 1 WHERE worker = ? AND released = 0", worker);
  }

  #newest(run: string, step: string): ClaimRow | undefined {
    return this.#sql.get<ClaimRow>(
      "SELECT epoch, until_ms, released FROM claims WHERE run = ? AND step = ?",
      run,
      step,
    );
  }
}
