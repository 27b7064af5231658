import type { AccountSums, BookedCall, LedgerEntry } from "@headrace/domain";
import type { PublicKey } from "../keys.ts";

/**
 * What a store holds of one run, as the text it was written in: an audit trusts none of it. An archive has no rows, which
 * follow from events, and no transcripts.
 */
export type StoredRun = {
  /** the run's own row, with the newest event as it was when the row was written */
  head: { seq: number; hash: string; body?: string } | undefined;
  /** by seq */
  events: readonly StoredText[];
  rows?: readonly { kind: string; id: string; body: string }[];
  calls: readonly StoredCall[];
  /** of the ledger, in their order; an archive of an older version has none */
  entries?: readonly LedgerEntry[];
  /** of the run, its tasks and its attempts; an archive has none, for they follow from calls */
  accounts?: readonly AccountSums[];
  /** parts of transcripts, in the order they came */
  records?: readonly { step: string; body: string }[];
};

export type StoredCall = BookedCall & {
  step: string;
  role: string;
  task: string | null;
  model: string;
};

export type StoredText = { seq: number; hash: string; body: string };

export type CommitFacts = { tree: string; parents: string[]; message: string };

/** The factory's repository, read and never written. */
export type GitRecords = {
  readRef(ref: string): Promise<string | undefined>;
  /** Undefined where there is no such commit. */
  commit(id: string): Promise<CommitFacts | undefined>;
  /** What is wrong with objects that are there, as git tells it; empty when every one is what its name says. */
  problems(): Promise<string[]>;
};

export type AuditOptions = {
  run: string;
  stored: StoredRun;
  blob(id: string): Promise<Uint8Array | undefined>;
  git: GitRecords;
  /** undefined where no factory has signed yet */
  key: PublicKey | undefined;
};

/** The first thing that is not as it must be, by the name under which it can be looked up. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly object: string;
  readonly reason: string;
  constructor(object: string, reason: string) {
    super(`${object}: ${reason}`);
    this.object = object;
    this.reason = reason;
  }
}

/** What was looked at, counted under the sentence that was found true. */
export class Tally {
  readonly counts = new Map<string, number>();
  readonly notes: string[] = [];

  add(what: string, count = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + count);
  }

  note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }
}
