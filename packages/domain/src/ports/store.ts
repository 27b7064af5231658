import type { NewEvent, StoredEvent } from "../events.ts";
import type { Nano } from "../money.ts";
import type { RunState } from "../run-state.ts";
import type { RecordPart } from "../transcript.ts";
import type { TokenUsage } from "../usage.ts";

/** Proof of a claim; writes that carry an older epoch than the newest claim are refused. */
export type Fence = { run: string; step: string; epoch: number };

export type ClaimAnswer =
  | { kind: "claimed"; epoch: number; until: string }
  /** another delivery holds a live lease until then */
  | { kind: "busy"; until: string };

/** A call's reservation: `open` until it is settled; an orphan is settled at its reservation. */
export type CallRow = {
  id: string;
  run: string;
  step: string;
  epoch: number;
  role: string;
  model: string;
  reserved: Nano;
  state: "open" | "settled" | "estimated" | "released";
  cost: Nano;
  usage?: TokenUsage;
  at: string;
};

export type ReserveAnswer =
  | { kind: "granted" }
  /** the reservation does not fit: `available` is budget - settled - open reservations */
  | { kind: "refused"; needed: Nano; available: Nano };

/** What a decision inside the store's transaction sees. */
export type Decide = (state: RunState | undefined) => NewEvent[];

/**
 * The truth. Every method is one transaction, durable when it resolves. Methods that take a fence throw
 * `StaleEpochError` when its epoch is not the newest claim of the step, or the lease was released.
 */
export interface Store {
  /** Appends what `decide` returns for the current state, in the same transaction as the rows. */
  append(run: string, decide: NewEvent[] | Decide, fence?: Fence): Promise<StoredEvent[]>;
  state(run: string): Promise<RunState | undefined>;
  /** States of all runs, oldest first. */
  runs(): Promise<RunState[]>;
  /** States of the runs that have not ended, oldest first; costs nothing for those that have. */
  openRuns(): Promise<RunState[]>;
  /** Events with seq > `after`, in order, at most `limit` (default 1000). */
  events(run: string, after?: number, limit?: number): Promise<StoredEvent[]>;
  /** Called after each commit with what was committed; returns the way to stop. */
  onCommit(listener: (run: string, events: StoredEvent[]) => void): () => void;

  /** Raises the epoch unless a lease is live at the store's clock. */
  claim(run: string, step: string, worker: string, ttlMs: number): Promise<ClaimAnswer>;
  /** Prolongs the lease. */
  renew(fence: Fence, ttlMs: number): Promise<string>;
  /** Ends the lease, so that the step can be claimed at once; a stale fence is ignored. */
  release(fence: Fence): Promise<void>;
  /** Ends every lease of a worker that is known to be dead. */
  releaseClaims(worker: string): Promise<void>;

  /** Reserves the worst case of one call, in one transaction with the check against the budget. */
  reserve(
    fence: Fence,
    call: { id: string; role: string; model: string; worstCase: Nano },
  ): Promise<ReserveAnswer>;
  /**
   * Settles a reservation and appends `events`, and the reply's record when there is one, all at once. A
   * call already settled is left as it is and nothing is appended. The costs of the `model.called` events
   * among them must add up to the call's, so that the fold and the ledger agree.
   */
  settle(
    fence: Fence,
    call: {
      id: string;
      state: "settled" | "estimated" | "released";
      cost: Nano;
      usage?: TokenUsage;
    },
    also: { part?: RecordPart; events?: NewEvent[] },
  ): Promise<void>;
  /**
   * Open reservations of epochs that are no longer current, or whose lease ran out, are settled as estimated and
   * told by an event; returns them. A lease that ran out ends with its call.
   */
  settleOrphans(run: string): Promise<CallRow[]>;
  calls(run: string): Promise<CallRow[]>;

  appendRecord(fence: Fence, part: RecordPart, events?: NewEvent[]): Promise<void>;
  /** All parts of a step's record, in the order they were appended. */
  records(run: string, step: string): Promise<RecordPart[]>;

  /** Stores bytes under their sha-256; storing the same bytes twice is free. */
  putBlob(bytes: Uint8Array): Promise<string>;
  getBlob(id: string): Promise<Uint8Array | undefined>;

  close(): Promise<void>;
}
