import {
  type AccountSums,
  type CallRow,
  type ClaimAnswer,
  type ClassedCall,
  type Clock,
  type Decide,
  type DemandRow,
  type Fence,
  type NewEvent,
  type RecordPart,
  type ReserveAnswer,
  type RunState,
  type SpendTotals,
  type Store,
  type StoredEvent,
  type TryRow,
  UserError,
} from "@headrace/domain";
import { Blobs } from "./blobs.ts";
import type { SqliteCheckpointSaver } from "./checkpoint-saver.ts";
import { Claims } from "./claims.ts";
import { EventLog, type Redact, type Writing } from "./event-log.ts";
import { allProblems } from "./integrity.ts";
import { Exhaust } from "./ledger/exhaust.ts";
import { Ledger } from "./ledger/ledger.ts";
import { tellOrphan } from "./ledger/told.ts";
import { type RawRun, readRawRun } from "./raw-run.ts";
import { Records } from "./records.ts";
import type { Sql } from "./sql.ts";

type Parts = {
  sql: Sql;
  clock: Clock;
  redact: Redact;
  uncleanStop: boolean;
  /** runs once, after the last use of the connection is over and before it is closed */
  close: () => void;
};

/**
 * The store on one SQLite file. Methods are async for the port's sake: each does its work synchronously, as one
 * transaction, before it returns, and so none can interleave with another.
 */
export class SqliteStore implements Store, AsyncDisposable {
  /** The last writer ended without closing the file; it was checked when it was opened. */
  readonly uncleanStop: boolean;
  readonly #sql: Sql;
  readonly #log: EventLog;
  readonly #claims: Claims;
  readonly #ledger: Ledger;
  readonly #exhaust: Exhaust;
  readonly #records: Records;
  readonly #blobs: Blobs;
  #saver: SqliteCheckpointSaver | undefined;
  #close: (() => void) | undefined;

  constructor({ sql, clock, redact, uncleanStop, close }: Parts) {
    this.uncleanStop = uncleanStop;
    this.#sql = sql;
    this.#log = new EventLog(sql, clock, redact);
    this.#claims = new Claims(sql, clock);
    this.#ledger = new Ledger(sql, clock);
    this.#exhaust = new Exhaust(sql);
    this.#records = new Records(sql);
    this.#blobs = new Blobs(sql);
    this.#close = close;
  }

  async append(run: string, decide: NewEvent[] | Decide, fence?: Fence): Promise<StoredEvent[]> {
    if (fence !== undefined && fence.run !== run)
      throw new Error(`a fence of run ${fence.run} cannot append to run ${run}`);
    return this.#log.write((writing) => {
      if (fence !== undefined) this.#claims.check(fence);
      return this.#log.append(writing, run, decide);
    });
  }

  async state(run: string): Promise<RunState | undefined> {
    return this.#log.state(run);
  }

  async runs(): Promise<RunState[]> {
    return this.#log.runs();
  }

  async openRuns(): Promise<RunState[]> {
    return this.#log.openRuns();
  }

  async events(run: string, after = 0, limit = 1000): Promise<StoredEvent[]> {
    return this.#log.events(run, after, limit);
  }

  onCommit(listener: (run: string, events: StoredEvent[]) => void): () => void {
    return this.#log.onCommit(listener);
  }

  async claim(run: string, step: string, worker: string, ttlMs: number): Promise<ClaimAnswer> {
    return this.#log.write((writing) => {
      this.#existing(writing, run);
      return this.#claims.claim(run, step, worker, ttlMs);
    });
  }

  async renew(fence: Fence, ttlMs: number): Promise<string> {
    return this.#sql.write(() => this.#claims.renew(fence, ttlMs));
  }

  async release(fence: Fence): Promise<void> {
    this.#sql.write(() => this.#claims.release(fence));
  }

  async releaseClaims(worker: string): Promise<void> {
    this.#sql.write(() => this.#claims.releaseAll(worker));
  }

  async reserve(...given: Parameters<Store["reserve"]>): Promise<ReserveAnswer> {
    const [fence, call, limits, demand] = given;
    return this.#sql.write(() => {
      this.#claims.check(fence);
      const isNew = !this.#ledger.has(call.id);
      const answer = this.#ledger.reserve(fence, call, limits);
      if (demand !== undefined && isNew && answer.kind === "granted")
        this.#exhaust.addDemand(demand);
      return answer;
    });
  }

  async settle(...[fence, call, also]: Parameters<Store["settle"]>): Promise<void> {
    const { part, events = [], tried } = also;
    this.#log.write((writing) => {
      this.#claims.check(fence);
      const told = this.#ledger.settle(fence, call, events);
      if (told === undefined) return;
      if (part !== undefined) this.#records.append(fence, part);
      if (tried !== undefined) this.#exhaust.addTry(tried);
      this.#log.append(writing, fence.run, told);
    });
  }

  async settleOrphans(run: string): Promise<CallRow[]> {
    return this.#log.write((writing) => {
      const orphans = this.#ledger.settleOrphans(run);
      for (const orphan of orphans) this.#exhaust.addLost(orphan);
      this.#log.append(writing, run, orphans.map(tellOrphan));
      return orphans;
    });
  }

  async adjust(...[run, call, to, reason]: Parameters<Store["adjust"]>): Promise<void> {
    this.#log.write((writing) => {
      const told = this.#ledger.adjust(run, call, to, reason);
      if (told === undefined) return;
      this.#log.append(writing, run, [told]);
      const corrected = this.#ledger.call(run, call);
      if (corrected !== undefined) this.#exhaust.correctTry(run, corrected);
    });
  }

  async classify(...[run, calls, events]: Parameters<Store["classify"]>): Promise<void> {
    this.#log.write((writing) => {
      const told = this.#ledger.classify(run, calls, events);
      if (told !== undefined) this.#log.append(writing, run, told);
    });
  }

  async calls(run: string): Promise<CallRow[]> {
    return this.#ledger.calls(run);
  }

  async call(run: string, id: string): Promise<CallRow | undefined> {
    return this.#ledger.call(run, id);
  }

  async lastUsed(...of: Parameters<Store["lastUsed"]>): Promise<CallRow | undefined> {
    return this.#ledger.lastUsed(...of);
  }

  async accounts(paths: readonly string[]): Promise<AccountSums[]> {
    return this.#ledger.accounts(paths);
  }

  async classed(run: string): Promise<ClassedCall[]> {
    return this.#ledger.classed(run);
  }

  async totals(run?: string): Promise<SpendTotals> {
    return this.#ledger.totals(run);
  }

  async tries(run: string, ask: string): Promise<TryRow[]> {
    return this.#exhaust.tries(run, ask);
  }

  async recordTry(row: TryRow): Promise<void> {
    this.#sql.write(() => this.#exhaust.addTry(row));
  }

  async recordDemand(row: DemandRow): Promise<void> {
    this.#sql.write(() => this.#exhaust.addDemand(row));
  }

  async outcomes(run: string): Promise<ReadonlyMap<string, string>> {
    return this.#exhaust.outcomes(run);
  }

  async exhaust(run?: string): Promise<{ tries: TryRow[]; demand: DemandRow[] }> {
    return this.#sql.snapshot(() => this.#exhaust.all(run));
  }

  async health(): Promise<Record<string, unknown>> {
    return this.#exhaust.health();
  }

  async putHealth(key: string, value: unknown): Promise<void> {
    this.#sql.write(() => this.#exhaust.putHealth(key, value));
  }

  async appendRecord(fence: Fence, part: RecordPart, events: NewEvent[] = []): Promise<void> {
    this.#log.write((writing) => {
      this.#claims.check(fence);
      this.#records.append(fence, part);
      this.#log.append(writing, fence.run, events);
    });
  }

  async records(run: string, step: string): Promise<RecordPart[]> {
    return this.#records.of(run, step);
  }

  async putBlob(bytes: Uint8Array): Promise<string> {
    return this.#sql.write(() => this.#blobs.put(bytes));
  }

  async getBlob(id: string): Promise<Uint8Array | undefined> {
    return this.#blobs.get(id);
  }

  /** LangGraph's checkpoints in the same file; losing them costs no truth. */
  async checkpoints(): Promise<SqliteCheckpointSaver> {
    // loaded when asked for: who only reads runs should not wait for LangGraph
    const { SqliteCheckpointSaver: Saver } = await import("./checkpoint-saver.ts");
    this.#saver ??= new Saver(this.#sql);
    return this.#saver;
  }

  /** Everything that is kept of one run, as the text it was written in. */
  async raw(run: string): Promise<RawRun> {
    return readRawRun(this.#sql, run);
  }

  /** What is wrong with the file, the chains, or rows that should follow from them; empty when all is well. */
  async integrity(): Promise<string[]> {
    return allProblems(this.#sql);
  }

  async close(): Promise<void> {
    const close = this.#close;
    this.#close = undefined;
    close?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #existing(writing: Writing, run: string): RunState {
    const state = this.#log.stateIn(writing, run);
    if (state === undefined) throw new UserError(`no run ${run}`);
    return state;
  }
}
