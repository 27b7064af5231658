import type { Clock, Consumer, Job, JobHandler, JobOutcome, Lane, Queue } from "@headrace/domain";
import { Deliveries, lockLost } from "./deliveries.ts";
import { assertJobId } from "./job-data.ts";

export type MemoryQueueOptions = { clock: Clock; onError: (error: Error) => void };

type Entry = {
  job: Job;
  priority: number;
  dueAt: number;
  /** the running delivery that decides what becomes of the job */
  lock?: symbol;
};
type Member = { lane: Lane; concurrency: number; deliveries: Deliveries };

/** The queue inside one process, on the given clock: for simulations, where no Redis may add its own time. */
export const createMemoryQueue = (options: MemoryQueueOptions): MemoryQueue =>
  new MemoryQueue(options);

export class MemoryQueue implements Queue {
  readonly #clock: Clock;
  readonly #onError: (error: Error) => void;
  readonly #entries = new Map<string, Entry>();
  readonly #members = new Set<Member>();
  readonly #closed = new AbortController();

  constructor({ clock, onError }: MemoryQueueOptions) {
    this.#clock = clock;
    this.#onError = onError;
  }

  async add(job: Job, delayMs = 0, priority = 1): Promise<void> {
    assertJobId(job.id);
    if (this.#entries.has(job.id)) return;
    const entry: Entry = { job, priority, dueAt: 0 };
    this.#entries.set(job.id, entry);
    this.#schedule(entry, this.#clock.now().getTime() + delayMs);
  }

  async present(ids: readonly string[]): Promise<Set<string>> {
    return new Set(ids.filter((id) => this.#entries.has(id)));
  }

  async consume(lane: Lane, concurrency: number, handler: JobHandler): Promise<Consumer> {
    const deliveries = new Deliveries(handler, this.#onError);
    const member: Member = { lane, concurrency, deliveries };
    this.#members.add(member);
    queueMicrotask(this.#pump);
    return {
      close: async (graceMs) => {
        this.#members.delete(member);
        await deliveries.drain(graceMs);
      },
    };
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all([...this.#members].map((member) => member.deliveries.drain(0)));
    this.#members.clear();
    this.#entries.clear();
  }

  /** Gives a running job away as if its lock had expired: it goes on, and is delivered once more beside it. */
  redeliver(id: string): void {
    const entry = this.#entries.get(id);
    if (entry?.lock === undefined) return;
    delete entry.lock;
    this.#onError(lockLost(id));
    this.#schedule(entry, 0);
  }

  /** Hands every due job to a consumer with a free place. */
  readonly #pump = (): void => {
    const now = this.#clock.now().getTime();
    const inTurn = [...this.#entries.values()].sort((a, b) => a.priority - b.priority);
    for (const entry of inTurn) {
      if (entry.lock !== undefined || entry.dueAt > now) continue;
      const member = [...this.#members].find(
        (m) => m.lane === entry.job.lane && m.deliveries.size < m.concurrency,
      );
      if (member !== undefined) this.#deliver(entry, member.deliveries);
    }
  };

  #schedule(entry: Entry, dueAt: number): void {
    entry.dueAt = dueAt;
    this.#pumpAt(dueAt);
  }

  /** A timer may fire before its time by the clock, so it is asked again. */
  #pumpAt(dueAt: number): void {
    const delay = dueAt - this.#clock.now().getTime();
    if (delay <= 0) queueMicrotask(this.#pump);
    else
      this.#clock.sleep(delay, this.#closed.signal).then(
        () => this.#pumpAt(dueAt),
        () => {},
      );
  }

  #deliver(entry: Entry, deliveries: Deliveries): void {
    const lock = Symbol(entry.job.id);
    entry.lock = lock;
    deliveries
      .run(entry.job)
      .then((outcome) => {
        // a delivery that lost its lock decides nothing
        if (entry.lock === lock) this.#settle(entry, outcome);
        this.#pump();
      })
      .catch(this.#onError);
  }

  #settle(entry: Entry, outcome: JobOutcome): void {
    delete entry.lock;
    switch (outcome.kind) {
      case "retry-at":
        this.#schedule(entry, outcome.at.getTime());
        return;
      case "done":
      case "infrastructure":
      case "fatal":
        this.#entries.delete(entry.job.id);
    }
  }
}
