import {
  type AccountSums,
  type CallRow,
  type ClassedCall,
  type Clock,
  canonicalJson,
  type Fence,
  type NewEvent,
  type Ledger as Port,
  type Reservation,
  type ReserveAnswer,
  type Settled,
  type SpendTotals,
} from "@headrace/domain";
import type { Sql } from "../sql.ts";
import { Accounts } from "./accounts.ts";
import { type Booking, bookingOf } from "./booking.ts";
import { Calls, type Held } from "./calls.ts";
import { Entries } from "./entries.ts";
import { overHour } from "./hour.ts";
import { tellAdjusted, tellClassed, tellSettled } from "./told.ts";

type Limits = Parameters<Port["reserve"]>[2];
type Known = Parameters<Port["adjust"]>[2];

const GRANTED = { kind: "granted" } as const;

/**
 * Reservations and what became of them: entries, and the calls and accounts that they add up to. These, and not the
 * folded state, say what was spent; the events given back, which the caller appends, tell the same sums. Called within a
 * transaction, after the fence was checked.
 */
export class Ledger {
  readonly #clock: Clock;
  readonly #sql: Sql;
  readonly #accounts: Accounts;
  readonly #calls: Calls;
  readonly #entries: Entries;

  constructor(sql: Sql, clock: Clock) {
    this.#clock = clock;
    this.#sql = sql;
    this.#accounts = new Accounts(sql);
    this.#calls = new Calls(sql);
    this.#entries = new Entries(sql);
  }

  reserve(fence: Fence, call: Reservation, { accounts, hour }: Limits): ReserveAnswer {
    const known = this.#calls.find(call.id)?.row;
    if (known !== undefined) {
      if (isSame(known, fence, call)) return GRANTED;
      throw new Error(`call ${call.id} was reserved before, as another`);
    }
    const { run } = fence;
    const now = this.#clock.now();
    const refused =
      this.#accounts.refusal(accounts, call) ??
      (hour === undefined
        ? undefined
        : overHour(this.#sql, now, { run, needed: call.amount, limit: hour }));
    if (refused !== undefined) return refused;
    const at = now.toISOString();
    const paths = accounts.map(({ path }) => path);
    const { id, amount, tokens } = call;
    this.#calls.insert(fence, call, paths, at);
    this.#entries.add(run, { call: id, kind: "reserve", amount, tokens, at });
    this.#accounts.open(paths);
    this.#accounts.move(paths, { reserved: amount, reservedTokens: tokens });
    return GRANTED;
  }

  /** The events as they are to be appended; undefined when the call was settled before, and then nothing changes. */
  settle(fence: Fence, settled: Settled, events: readonly NewEvent[]): NewEvent[] | undefined {
    const held = this.#calls.find(settled.id);
    const row = held?.row;
    if (
      held === undefined ||
      row?.run !== fence.run ||
      row.step !== fence.step ||
      row.epoch !== fence.epoch
    )
      throw new Error(`epoch ${fence.epoch} of step ${fence.step} reserved no call ${settled.id}`);
    if (row.state !== "open") return undefined;
    const booking = bookingOf(row, settled);
    const told = tellSettled(settled, booking, events);
    this.#end(held, booking, settled);
    return told;
  }

  /** Settles open calls that nobody can settle any more at their reservation, and ends their claims for good. */
  settleOrphans(run: string): CallRow[] {
    return this.#calls.orphans(run, this.#clock.now()).map((held) => {
      const { id, step, epoch, amount } = held.row;
      const settled = { id, state: "estimated", cost: amount } as const;
      this.#end(held, bookingOf(held.row, settled), settled);
      // a late worker is then refused, and never half recorded
      this.#sql.run(
        "UPDATE claims SET released = 1 WHERE run = ? AND step = ? AND epoch = ?",
        run,
        step,
        epoch,
      );
      return this.#known(run, id).row;
    });
  }

  /** The event that tells of the correction; undefined when the same was said before. */
  adjust(run: string, id: string, known: Known, reason: string): NewEvent | undefined {
    const held = this.#known(run, id);
    const { row } = held;
    if (row.state === "settled" && row.cost + (row.excess ?? 0) === known.cost) return undefined;
    if (row.state !== "estimated")
      throw new Error(`call ${id} is ${row.state}: only what was estimated can be adjusted`);
    if (this.#entries.isClassed(id))
      throw new Error(`call ${id} has been classed: what it cost is no longer adjusted`);
    const booking = bookingOf(row, { ...known, state: "settled" });
    this.#correct(held, booking, reason);
    this.#calls.update(id, booking, known, row.settledAt ?? row.at);
    return tellAdjusted(row, booking, { work: known.work, reason });
  }

  /** The events as they are to be appended; undefined when all of the calls were classed before. */
  classify(
    run: string,
    calls: readonly ClassedCall[],
    events: readonly NewEvent[],
  ): NewEvent[] | undefined {
    if (calls.every(({ call }) => this.#entries.isClassed(call))) return undefined;
    const at = this.#clock.now().toISOString();
    for (const { call, parts } of calls) {
      const { state, cost } = this.#known(run, call).row;
      if (state !== "settled" && state !== "estimated")
        throw new Error(`call ${call} cannot be classed: it is ${state}`);
      if (this.#entries.isClassed(call))
        throw new Error(`call ${call} has been classed before, and not all of these have`);
      const sum = parts.reduce((all, { amount }) => all + amount, 0);
      if (sum !== cost) throw new Error(`the parts of call ${call} make ${sum}, not ${cost}`);
      for (const part of parts) this.#entries.addPart(run, call, part, at);
    }
    return tellClassed(calls, events);
  }

  /** Whether a call of that id was ever held. */
  has(id: string): boolean {
    return this.#calls.find(id) !== undefined;
  }

  call(run: string, id: string): CallRow | undefined {
    const row = this.#calls.find(id)?.row;
    return row?.run === run ? row : undefined;
  }

  lastUsed(...of: Parameters<Calls["lastUsed"]>): CallRow | undefined {
    return this.#calls.lastUsed(...of);
  }

  calls(run: string): CallRow[] {
    return this.#calls.of(run);
  }

  classed(run: string): ClassedCall[] {
    return this.#entries.classed(run);
  }

  accounts(paths: readonly string[]): AccountSums[] {
    return this.#accounts.sums(paths);
  }

  totals(run?: string): SpendTotals {
    return this.#entries.totals(run);
  }

  #known(run: string, id: string): Held {
    const held = this.#calls.find(id);
    if (held?.row.run !== run) throw new Error(`run ${run} reserved no call ${id}`);
    return held;
  }

  /** Ends a hold: the entry, the accounts and the call's state. */
  #end({ row, accounts }: Held, booking: Booking, settled: Settled): void {
    const at = this.#clock.now().toISOString();
    const { state, cost: amount, usedTokens: tokens, excess, excessTokens } = booking;
    const ended =
      state === "released"
        ? { kind: "release" as const }
        : { kind: "settle" as const, what: state };
    this.#entries.add(row.run, {
      call: row.id,
      ...ended,
      amount,
      tokens,
      excess,
      excessTokens,
      at,
    });
    this.#accounts.move(accounts, {
      reserved: -row.amount,
      reservedTokens: -row.tokens,
      ...{ settled: amount, settledTokens: tokens, excess, excessTokens },
    });
    this.#calls.update(row.id, booking, settled, at);
  }

  /** Nothing was booked above an estimate, so all of the excess is new. */
  #correct({ row, accounts, usedTokens }: Held, to: Booking, what: string): void {
    const { excess, excessTokens } = to;
    const amount = to.cost - row.cost;
    const tokens = to.usedTokens - usedTokens;
    const at = this.#clock.now().toISOString();
    const entry = { call: row.id, kind: "adjust", amount, tokens, excess, excessTokens } as const;
    this.#entries.add(row.run, { ...entry, what, at });
    this.#accounts.move(accounts, { settled: amount, settledTokens: tokens, excess, excessTokens });
  }
}

/** A repeat must be of the same call in every field, by the same epoch. */
const isSame = (row: CallRow, fence: Fence, call: Reservation): boolean => {
  const { id, role, task, attempt, turn, ask, provider, model, amount, tokens } = row;
  const { run, step, epoch } = row;
  const stored = { id, role, task, attempt, turn, ask, provider, model, amount, tokens };
  return canonicalJson({ ...stored, run, step, epoch }) === canonicalJson({ ...call, ...fence });
};
