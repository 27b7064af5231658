import {
  type Clock,
  canonicalJson,
  type Decide,
  EventBody,
  EventEnvelope,
  fold,
  isEnded,
  mapTexts,
  type NewEvent,
  type RunState,
  type StoredEvent,
} from "@headrace/domain";
import { z } from "zod";
import { GENESIS, hashOf } from "./chain.ts";
import { type Commit, CommitFeed, type CommitListener } from "./commit-feed.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { loadState, saveRows } from "./rows.ts";
import type { Sql } from "./sql.ts";

/** Where a run stands; the seq of its newest event is in the state. */
type Head = { state: RunState; hash: string };

/** Takes out of a text what must not be written. */
export type Redact = (text: string) => string;

/** What one transaction has appended: known to nobody else until it is committed. */
export type Writing = { heads: Map<string, Head>; commits: Commit[] };

const Envelope = EventEnvelope.pick({ run: true, task: true, attempt: true });

const validated = (run: string, event: NewEvent): object => {
  const body = EventBody.safeParse(event);
  const envelope = Envelope.safeParse({ run, task: event.task, attempt: event.attempt });
  if (body.success && envelope.success) return { ...body.data, ...envelope.data };
  const cause = body.error ?? envelope.error ?? new z.ZodError([]);
  throw new Error(`a ${event.type} event is not valid: ${z.prettifyError(cause)}`, { cause });
};

/** A stored event from the text that was hashed; states folded from it equal those folded after a restart. */
const unpack = (body: string, hash: string): StoredEvent =>
  deepFreeze({ ...JSON.parse(body), hash } as StoredEvent);

/** What stands between the events of an older version and the first of this one. */
const upgrade = (state: RunState | undefined): NewEvent[] =>
  state === undefined || state.run.amounts === "pico"
    ? []
    : [{ type: "run.upgraded", amounts: "pico" }];

/** The event log and the rows it folds to. States and events it hands out are frozen. */
export class EventLog {
  readonly #sql: Sql;
  readonly #clock: Clock;
  readonly #redact: Redact;
  /** of runs that have not ended: what is over is read from its rows when somebody asks */
  readonly #heads = new Map<string, Head>();
  readonly #feed = new CommitFeed();

  constructor(sql: Sql, clock: Clock, redact: Redact) {
    this.#sql = sql;
    this.#clock = clock;
    this.#redact = redact;
  }

  onCommit(listener: CommitListener): () => void {
    return this.#feed.subscribe(listener);
  }

  /** One transaction; what it appended is seen, and told to listeners, only once it is committed. */
  write<T>(work: (writing: Writing) => T): T {
    const writing: Writing = { heads: new Map(), commits: [] };
    const result = this.#sql.write(() => work(writing));
    for (const [run, head] of writing.heads) this.#keep(run, head);
    this.#feed.publish(writing.commits);
    return result;
  }

  append(writing: Writing, run: string, decide: readonly NewEvent[] | Decide): StoredEvent[] {
    const before = writing.heads.get(run) ?? this.#head(run);
    const decided = typeof decide === "function" ? decide(before?.state) : decide;
    const news = decided.length === 0 ? [] : [...upgrade(before?.state), ...decided];
    const at = this.#clock.now().toISOString();
    const events: StoredEvent[] = [];
    let { state, hash } = before ?? { state: undefined, hash: GENESIS };
    for (const event of news) {
      if (event.type === "run.submitted" && state !== undefined)
        throw new Error(`run ${run} has been submitted before`);
      const seq = (state?.run.seq ?? 0) + 1;
      // the envelope's names are the store's, whatever a body may call its own fields
      const envelope = { seq, at, prev: hash, hash: undefined };
      const body = canonicalJson({
        ...Object(mapTexts(validated(run, event), this.#redact)),
        ...envelope,
      });
      hash = hashOf(body);
      const stored = unpack(body, hash);
      state = deepFreeze(fold(state, stored));
      this.#sql.run(
        "INSERT INTO events (run, seq, hash, body) VALUES (?, ?, ?, ?)",
        run,
        seq,
        hash,
        body,
      );
      events.push(stored);
    }
    if (state === undefined || events.length === 0) return events;
    this.#saveHead(before?.state, { state, hash });
    writing.heads.set(run, { state, hash });
    writing.commits.push({ run, events });
    return events;
  }

  /** The state within a transaction. */
  stateIn(writing: Writing, run: string): RunState | undefined {
    return (writing.heads.get(run) ?? this.#head(run))?.state;
  }

  state(run: string): RunState | undefined {
    return this.#sql.snapshot(() => this.#head(run))?.state;
  }

  runs(): RunState[] {
    return this.#states("SELECT run FROM runs ORDER BY ordinal");
  }

  openRuns(): RunState[] {
    return this.#states("SELECT run FROM runs WHERE body ->> '$.endedAt' IS NULL ORDER BY ordinal");
  }

  events(run: string, after: number, limit: number): StoredEvent[] {
    return this.#sql
      .all<{ body: string; hash: string }>(
        "SELECT body, hash FROM events WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?",
        run,
        after,
        limit,
      )
      .map(({ body, hash }) => unpack(body, hash));
  }

  #states(query: string): RunState[] {
    return this.#sql.snapshot(() =>
      this.#sql.all<{ run: string }>(query).flatMap(({ run }) => this.#head(run)?.state ?? []),
    );
  }

  #keep(run: string, head: Head): void {
    if (isEnded(head.state.run.status)) this.#heads.delete(run);
    else this.#heads.set(run, head);
  }

  #head(run: string): Head | undefined {
    const known = this.#heads.get(run);
    if (known !== undefined) return known;
    const row = this.#sql.get<{ hash: string; body: string }>(
      "SELECT hash, body FROM runs WHERE run = ?",
      run,
    );
    if (row === undefined) return undefined;
    const head = { state: deepFreeze(loadState(this.#sql, run, row.body)), hash: row.hash };
    // beside a writer in another process nothing stays true
    if (!this.#sql.readOnly) this.#keep(run, head);
    return head;
  }

  #saveHead(before: RunState | undefined, { state, hash }: Head): void {
    const { run } = state;
    this.#sql.run(
      `INSERT INTO runs (run, seq, hash, body) VALUES (?, ?, ?, ?)
       ON CONFLICT (run) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, body = excluded.body`,
      run.id,
      run.seq,
      hash,
      JSON.stringify(run),
    );
    saveRows(this.#sql, run.id, before, state);
  }
}
