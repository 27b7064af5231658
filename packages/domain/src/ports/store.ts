import type { NewEvent, StoredEvent } from "../events.ts";
import type { RunState } from "../run-state.ts";
import type { RecordPart } from "../transcript.ts";
import type { Ledger } from "./ledger.ts";

/** Proof of a claim; writes that carry an older epoch than the newest claim are refused. */
export type Fence = { run: string; step: string; epoch: number };

export type ClaimAnswer =
  | { kind: "claimed"; epoch: number; until: string }
  /** another delivery holds a live lease until then */
  | { kind: "busy"; until: string };

/** What a decision inside the store's transaction sees. */
export type Decide = (state: RunState | undefined) => NewEvent[];

/**
 * The truth. Every method is one transaction, durable when it resolves. Methods that take a fence throw
 * `StaleEpochError` when its epoch is not the newest claim of the step, or the lease was released.
 */
export interface Store extends Ledger {
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

  appendRecord(fence: Fence, part: RecordPart, events?: NewEvent[]): Promise<void>;
  /** All parts of a step's record, in the order they were appended. */
  records(run: string, step: string): Promise<RecordPart[]>;

  /** Stores bytes under their sha-256; storing the same bytes twice is free. */
  putBlob(bytes: Uint8Array): Promise<string>;
  getBlob(id: string): Promise<Uint8Array | undefined>;

  close(): Promise<void>;
}
