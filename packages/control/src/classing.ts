import {
  classedSums,
  classifyCalls,
  isBooked,
  isFinal,
  isSettled,
  type NewEvent,
  type RunState,
  type Shares,
  type StoredEvent,
} from "@headrace/domain";
import { type Context, stateOf } from "./options.ts";
import { answeredCalls, sharesOf } from "./spent.ts";

/** After these, calls of the task, the plan or the run will not come to anything else any more. */
const ENDS: ReadonlySet<StoredEvent["type"]> = new Set([
  "plan.accepted",
  "merge.landed",
  "task.quarantined",
  "run.completed",
  "run.planned",
  "run.incomplete",
  "run.cancelled",
]);

const RETRY_MS = 60_000;

/**
 * Books what became of calls once nothing will change it any more. It is found from the rows each time, so that what a
 * crash or a full disk kept from being booked is booked later, and nothing is booked twice.
 */
export class Classing {
  readonly #context: Context;
  /** runs whose spend could not be booked, with what was said of it */
  readonly #failed = new Map<string, string>();
  #triedAt = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * Books what these events have made final, or all that is; a call may also be settled after its task has ended. One
   * run at a time, each by the rows as they are when its turn comes. What fails is said, and tried again.
   */
  book(run: string, events?: readonly StoredEvent[]): Promise<void> {
    const called = events?.filter((event) => event.type === "model.called");
    const ends = called === undefined || events?.some(({ type }) => ENDS.has(type));
    if (!ends && called?.length === 0) return Promise.resolve();
    this.#last = this.#last
      .then(() => this.#book(run, ends ? undefined : called))
      .then(() => void this.#failed.delete(run))
      .catch((cause) => {
        const why = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
        if (this.#failed.get(run) !== why) this.#context.log(`spend of ${run}: ${why}`);
        this.#failed.set(run, why);
      });
    return this.#last;
  }

  /** Tries again what failed, now and then. */
  retry(): void {
    const now = this.#context.clock.now().getTime();
    if (this.#failed.size === 0 || now - this.#triedAt < RETRY_MS) return;
    this.#triedAt = now;
    for (const run of this.#failed.keys()) void this.book(run);
  }

  /** Waits for what was asked for so far. */
  booked(): Promise<void> {
    return this.#last;
  }

  /** With `late`, only where one of these calls is of a step that nothing will change any more. */
  async #book(run: string, late?: ReadonlyArray<{ step: string }>): Promise<void> {
    const { store, prices } = this.#context;
    const state = await stateOf(store, run);
    const isOver = (step: string): boolean => {
      const row = state.steps[step];
      return row !== undefined && isFinal(state, row);
    };
    if (isBooked(state) || late?.some(({ step }) => isOver(step)) === false) return;
    const booked = new Set((await store.classed(run)).map(({ call }) => call));
    const calls = await answeredCalls(store, run);
    const due = calls.filter((c) => isSettled(c) && !booked.has(c.id) && isOver(c.step));
    if (due.length === 0) return;
    const shares = await this.#sharesOf(state, new Set(due.flatMap(({ task }) => task ?? [])));
    const owners = new Map(due.map(({ id, task }) => [id, task]));
    const classed = classifyCalls({ state, calls, shares, prices });
    const fresh = classed.filter(({ call }) => owners.has(call));
    for (const [task, parts] of Map.groupBy(fresh, ({ call }) => owners.get(call))) {
      const owner = task === undefined ? {} : { task };
      const told: NewEvent = { type: "spend.classed", ...classedSums(parts), ...owner };
      await store.classify(run, parts, [told]);
    }
  }

  async #sharesOf(state: RunState, tasks: ReadonlySet<string>): Promise<Map<string, Shares>> {
    const repo = await this.#context.repos.factory(state.run.repo.path);
    const found = new Map<string, Shares>();
    for (const id of tasks) {
      const row = state.tasks[id];
      const landed = row?.landing?.commit;
      if (row === undefined || landed === undefined || !(await repo.has(landed))) continue;
      const [before = state.run.base] = await repo.parentsOf(landed);
      found.set(id, await sharesOf(repo, state, row, { before, landed }));
    }
    return found;
  }
}
