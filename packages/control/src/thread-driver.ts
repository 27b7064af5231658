import { isEnded, isRunning, type StoredEvent, type ThreadRef, threadId } from "@headrace/domain";
import type { Threads } from "@headrace/workflows";
import { type Context, stateOf } from "./options.ts";

/**
 * Wakes threads when a row they may wait for was committed. One wake-up at a time per thread; those that arrive
 * meanwhile are one more wake-up after it, so none is lost and any may come twice.
 */
export class ThreadDriver {
  readonly #context: Context;
  readonly #threads: Threads;
  readonly #running = new Map<string, { again: boolean; done: Promise<void> }>();
  #stopped = false;

  constructor(context: Context, threads: Threads) {
    this.#context = context;
    this.#threads = threads;
  }

  /** Threads that wait for what these events may have changed. */
  async follow(run: string, events: readonly StoredEvent[]): Promise<void> {
    const named = new Map<string, ThreadRef>();
    const add = (kind: ThreadRef["kind"], id: string) => {
      const thread = { run, kind, id };
      named.set(threadId(thread), thread);
    };
    for (const event of events) {
      if (RESUMES.has(event.type)) return this.wakeAll(run);
      if (event.type === "thread.started") add(event.kind, event.id);
      if (event.type === "thread.finished" && event.kind !== "run") add("run", "run");
      if (event.type === "question.answered") {
        if (event.task === undefined) return this.wakeAll(run);
        add("task", event.task);
      }
      if (RETURNS.has(event.type) && event.task) add("task", event.task);
      if (MOVES.has(event.type)) add("run", "run");
      if (event.type === "step.finished") {
        const step = (await stateOf(this.#context.store, run)).steps[event.step];
        if (step) add(step.thread.kind, step.thread.id);
      }
    }
    for (const thread of named.values()) this.wake(thread);
  }

  async wakeAll(run: string): Promise<void> {
    const state = await stateOf(this.#context.store, run);
    for (const thread of Object.values(state.threads)) {
      if (!thread.finished) this.wake({ run, kind: thread.kind, id: thread.id });
    }
  }

  wake(thread: ThreadRef): void {
    if (this.#stopped) return;
    const key = threadId(thread);
    const busy = this.#running.get(key);
    if (busy) {
      busy.again = true;
      return;
    }
    const entry = { again: true, done: Promise.resolve() };
    this.#running.set(key, entry);
    entry.done = this.#drive(thread, entry);
  }

  /** Whether a thread of the run is being woken now. */
  isBusy(run: string): boolean {
    return [...this.#running.keys()].some((key) => key.startsWith(`${run}/`));
  }

  async #drive(thread: ThreadRef, entry: { again: boolean }): Promise<void> {
    while (entry.again && !this.#stopped) {
      entry.again = false;
      await this.#wakeOnce(thread);
    }
    // in the same turn as the last look at `again`: no wake-up can fall between
    this.#running.delete(threadId(thread));
  }

  /** Never rejects. A thread of a run that does not run is left where it is: resuming wakes all of them. */
  async #wakeOnce(thread: ThreadRef): Promise<void> {
    try {
      const state = await stateOf(this.#context.store, thread.run);
      const row = state.threads[`${thread.kind}/${thread.id}`];
      if (!isRunning(state.run.status) || row === undefined || row.finished) return;
      if ((await this.#threads.wake(thread)) === "finished") await this.#finish(thread);
    } catch (cause) {
      await this.#fail(thread, cause).catch((error) =>
        this.#context.log(`thread ${threadId(thread)} could not be failed: ${String(error)}`),
      );
    }
  }

  async #finish({ run, kind, id }: ThreadRef): Promise<void> {
    await this.#context.store.append(run, (state) =>
      state === undefined || isEnded(state.run.status) || state.threads[`${kind}/${id}`]?.finished
        ? []
        : [{ type: "thread.finished", kind, id }],
    );
  }

  /** A graph that throws is a defect of the factory: the run stops, nothing is lost, it can be resumed. */
  async #fail(thread: ThreadRef, cause: unknown): Promise<void> {
    if (this.#stopped) return;
    const why = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    this.#context.log(`thread ${threadId(thread)}: ${why}`);
    const reason =
      `${thread.kind} ${thread.id}: ${cause instanceof Error ? cause.message : why}`.slice(0, 2000);
    await this.#context.store.append(thread.run, (state) =>
      state && isRunning(state.run.status) ? [{ type: "run.failed", reason }] : [],
    );
  }

  /** Waits for wake-ups in progress and takes no more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled([...this.#running.values()].map((entry) => entry.done));
  }

  get idle(): boolean {
    return this.#running.size === 0;
  }
}

type Types = ReadonlySet<StoredEvent["type"]>;
const RESUMES: Types = new Set(["run.resumed", "run.started"]);
const RETURNS: Types = new Set(["merge.landed", "task.returned", "task.quarantined"]);
const MOVES: Types = new Set(["task.queued", "merge.landed", "task.returned", "task.quarantined"]);
