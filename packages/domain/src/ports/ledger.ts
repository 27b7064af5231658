import type { Account, BudgetLevel } from "../budget.ts";
import type { NewEvent } from "../events.ts";
import type { AccountSums } from "../ledger-check.ts";
import type { Pico } from "../money.ts";
import type { Decision } from "../route.ts";
import type { ClassedCall, SpendTotals } from "../spend.ts";
import type { Role } from "../steps.ts";
import type { RecordPart } from "../transcript.ts";
import type { TokenUsage } from "../usage.ts";
import type { Fence } from "./store.ts";

/** Who a call is made for, and what it was reserved at. */
export type Reservation = {
  id: string;
  role: Role;
  task?: string;
  attempt?: number;
  turn: number;
  /** the asking it is a try of */
  ask: string;
  provider: string;
  model: string;
  /** worst case in pico-dollars; 0 for a model without a price */
  amount: Pico;
  /** worst case in tokens, input and output together */
  tokens: number;
};

/**
 * `open` until it is settled · `settled` at what the provider reported · `estimated` at its reservation, because what
 * it cost is not known · `released`, it cost nothing.
 */
export type CallState = "open" | "settled" | "estimated" | "released";

/** A reservation and what became of it: the newest state that its ledger entries add up to. */
export type CallRow = Reservation & {
  run: string;
  step: string;
  epoch: number;
  state: CallState;
  /** never above `amount` */
  cost: Pico;
  /** what its usage comes to above the reservation (docs/adr/0025): a defect of the provider or of our counting */
  excess?: Pico;
  /** in 1e-9 work units; absent where nobody has said what it is worth */
  work?: number;
  /** of an estimated call a lower bound, where something was seen */
  usage?: TokenUsage;
  /** what the provider itself said it cost, where it did */
  reportedCost?: Pico;
  /** of a reservation */
  at: string;
  settledAt?: string;
};

export type ReserveAnswer =
  | { kind: "granted" }
  /** the account that cannot hold it, with what it has left: limit - settled - reserved; in tokens where `tokens` */
  | {
      kind: "refused";
      level: BudgetLevel;
      path: string;
      needed: number;
      available: number;
      /** of what it has not left: what calls under way hold, of all runs that share it; absent of the hour */
      held?: number;
      tokens?: true;
      /**
       * Of the hour: when so much of it has passed that the call may fit (RFC 3339), should calls under way cost
       * nothing; a minute from now where they alone are in its way. Absent where the call alone is too large.
       */
      until?: string;
    };

export type Settled = {
  id: string;
  state: Exclude<CallState, "open">;
  /**
   * What it cost as far as is known, also where that is above the reservation. Estimated: the reservation. Released: 0.
   */
  cost: Pico;
  work?: number;
  usage?: TokenUsage;
  reportedCost?: Pico;
};

/** One HTTP attempt, as it was: the data exhaust. `call` is absent where none was reserved, as for counting tokens. */
export type TryRow = {
  at: string;
  run: string;
  step: string;
  task?: string;
  attempt?: number;
  role: Role;
  turn: number;
  ask: string;
  call?: string;
  provider: string;
  model: string;
  /** as the provider named the model that answered */
  served?: string;
  /** `ok`, or the class of its failure */
  outcome: string;
  status?: number;
  durationMs: number;
  firstByteMs?: number;
  usage?: TokenUsage;
  cost?: Pico;
  /** the reservation was kept, because what the call cost is not known */
  estimated?: boolean;
  /** 1 for the first try of its asking */
  ordinal: number;
};

/** One choice of a model, whatever came of it: demand, and demand that was not met. */
export type DemandRow = {
  at: string;
  run: string;
  step: string;
  task?: string;
  turn: number;
  ask: string;
  decision: Decision;
  /** why nothing was sent */
  reason?: string;
};

/**
 * The money of the factory: append-only entries (reserve, settle, release, adjust, convert, overhead, waste), and the
 * accounts and calls that they add up to. Every method is one transaction. Methods that take a fence throw
 * `StaleEpochError` as the store's do.
 */
export interface Ledger {
  /**
   * Holds a call's worst case on all of these accounts at once, or on none. `hour` bounds what the run has settled
   * within the last hour and holds now. What is granted is kept together with the choice that led to it (`demand`).
   * Reserving an id again changes nothing and is granted; with other content it is an error.
   */
  reserve(
    fence: Fence,
    call: Reservation,
    limits: { accounts: readonly Account[]; hour?: Pico },
    demand?: DemandRow,
  ): Promise<ReserveAnswer>;
  /**
   * Settles a reservation and appends `events`, the reply's record and the try, all at once. A call already settled is
   * left as it is and nothing is appended. Unless it is released, one of them is its `model.called`, of the same cost,
   * so that the fold and the ledger agree. A cost above the reservation is booked at the reservation, in the event as
   * well, and the rest as `excess`: it is no spend, and yet counts against what the accounts can still hold.
   */
  settle(
    fence: Fence,
    call: Settled,
    also: { part?: RecordPart; events?: NewEvent[]; tried?: TryRow },
  ): Promise<void>;
  /**
   * Open reservations of epochs that are no longer current, or whose lease ran out, are settled as estimated and
   * told by an event; returns them. A lease that ran out ends with its call.
   */
  settleOrphans(run: string): Promise<CallRow[]>;
  /**
   * Says what an estimated call did cost, once somebody knows: a new entry, and the event that corrects the fold. From
   * then on it is settled: to say the same again changes nothing, to say something else is an error, as it is for a call
   * that has been classed. `tokens` is what it took, where nobody knows of which classes; without these and `usage` it
   * keeps those it held.
   */
  adjust(
    run: string,
    call: string,
    to: Pick<Settled, "cost" | "usage" | "work"> & { tokens?: number },
    reason: string,
  ): Promise<void>;
  /**
   * Appends what became of calls that are settled or estimated, with `events`. One of these is the `spend.classed` that
   * tells of exactly these calls. Where all of them have been classed already, nothing changes; where only some have, it
   * is an error.
   */
  classify(run: string, calls: readonly ClassedCall[], events: readonly NewEvent[]): Promise<void>;
  calls(run: string): Promise<CallRow[]>;
  call(run: string, id: string): Promise<CallRow | undefined>;
  /**
   * The newest call of a step, of a role for a task, or of a candidate, that was settled with its usage; reads that one
   * alone.
   */
  lastUsed(
    run: string,
    of: { step: string } | { task: string; role: Role } | { provider: string; model: string },
  ): Promise<CallRow | undefined>;
  /** Tries of one asking, oldest first, with and without a call. One that nobody told of is `lost`. */
  tries(run: string, ask: string): Promise<TryRow[]>;
  /** What became of the run's calls, by call; calls in flight are absent. */
  classed(run: string): Promise<ClassedCall[]>;
  /** What these accounts hold and have settled, in this order; a sum above 2^53 is the nearest number. */
  accounts(paths: readonly string[]): Promise<AccountSums[]>;
  /** Of one run or of all; of all, an amount above 9,007 USD is the nearest number, for it is to be read by people. */
  totals(run?: string): Promise<SpendTotals>;

  recordTry(row: TryRow): Promise<void>;
  recordDemand(row: DemandRow): Promise<void>;
  /** How each of the run's calls came out, as its try says; by call. Those under way are absent. */
  outcomes(run: string): Promise<ReadonlyMap<string, TryRow["outcome"]>>;
  /** Rows in the order they were written; of one run or of all. */
  exhaust(run?: string): Promise<{ tries: TryRow[]; demand: DemandRow[] }>;

  /** What is known of providers between calls (circuits, credit, limits), by key, as JSON. */
  health(): Promise<Record<string, unknown>>;
  putHealth(key: string, value: unknown): Promise<void>;
}
