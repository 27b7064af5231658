import { isParked, isRunning, jobId, laneOf, type RunState, type StepRow } from "@headrace/domain";
import type { Context } from "./options.ts";

/** Backoff of a delivery lost to infrastructure: 1 s doubling, at most a minute. */
const lostDelay = (lost: number): number => Math.min(60_000, 1_000 * 2 ** Math.max(0, lost - 1));

/** How many steps a run has under way, this one among them: a run with few goes before one with many. */
const underWay = ({ steps }: RunState): number =>
  Object.values(steps).filter((s) => s.dispatch > 0 && s.result === undefined).length;

/**
 * Keeps the queue equal to what the rows say is to be done. The row is written first, so a job lost anywhere
 * (a crash between the two, FLUSHALL, a new Redis) is found missing and dispatched again under the next number.
 */
export class Dispatcher {
  readonly #context: Context;
  readonly #adding = new Set<string>();

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * Gives the step its next dispatch number and adds the job. With `after`, only if no other dispatch has come
   * after that number since the caller looked.
   */
  async dispatch(
    run: string,
    step: string,
    why: { lost: boolean; reason: string },
    after?: number,
  ): Promise<void> {
    if (this.#adding.has(step)) return;
    this.#adding.add(step);
    try {
      const { store, queue } = this.#context;
      const events = await store.append(run, (state) => {
        const row = state?.steps[step];
        if (!state || !isRunning(state.run.status) || row === undefined || row.result !== undefined)
          return [];
        if (isParked(state, row)) return [];
        if (after !== undefined && row.dispatch !== after) return [];
        return [
          { type: "step.dispatched", step, dispatch: row.dispatch + 1, ...why, ...owner(row) },
        ];
      });
      const state = await store.state(run);
      const row = state?.steps[step];
      if (events.length === 0 || state === undefined || row === undefined) return;
      const job = { id: jobId(step, row.dispatch), lane: laneOf(row.input.kind), run, step };
      await queue.add(job, why.lost ? lostDelay(row.lost) : 0, underWay(state));
    } finally {
      this.#adding.delete(step);
    }
  }

  /** Delivers at once what was deferred: whatever it waits for may have changed. */
  async hurry(run: string): Promise<void> {
    const state = await this.#context.store.state(run);
    const now = this.#context.clock.now().toISOString();
    for (const step of Object.values(state?.steps ?? {}))
      if (step.result === undefined && (step.deferred?.until ?? "") > now)
        await this.dispatch(run, step.id, { lost: false, reason: "a person has acted" });
  }

  /** Dispatches every step that the rows hold open and the queue does not. */
  async reconcile(state: RunState): Promise<void> {
    if (!isRunning(state.run.status)) return;
    const open = Object.values(state.steps).filter(
      (s) => s.result === undefined && !isParked(state, s) && !this.#adding.has(s.id),
    );
    if (open.length === 0) return;
    const present = await this.#context.queue.present(open.map((s) => jobId(s.id, s.dispatch)));
    for (const step of open) {
      if (step.dispatch > 0 && present.has(jobId(step.id, step.dispatch))) continue;
      const reason = step.dispatch === 0 ? "requested" : "not in the queue";
      await this.dispatch(state.run.id, step.id, { lost: false, reason }, step.dispatch);
    }
  }
}

const owner = (row: StepRow) => ({
  ...(row.task === undefined ? {} : { task: row.task }),
  ...(row.attempt === undefined ? {} : { attempt: row.attempt }),
});

export { owner as eventOwner };
