import { isRunning, type RunState, waitingOnBudget, waitingOnPerson } from "@headrace/domain";
import type { Classing } from "./classing.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Exporter } from "./exporter.ts";
import { type Context, stateOf } from "./options.ts";
import type { ProviderHealth } from "./provider-health.ts";
import type { ThreadDriver } from "./thread-driver.ts";

type Parts = {
  dispatcher: Pick<Dispatcher, "reconcile">;
  driver: Pick<ThreadDriver, "isBusy" | "wakeAll">;
  exporter: Pick<Exporter, "retry">;
  classing: Pick<Classing, "retry">;
  health: Pick<ProviderHealth, "free">;
};

/** for a run that stands still, before it is failed */
const WAKE_UPS = 3;

/** Runs on one repository go one after the other; whom one was queued behind may have ended unstarted. */
export const firstOn = (path: string, openRuns: readonly RunState[]): RunState | undefined =>
  openRuns.find(({ run }) => run.repo.path === path);

/**
 * Looks at every open run in a fixed order of cares: its turn, orphaned reservations, missing jobs, whether it goes on at
 * all. What fails for one run holds back no other, and is said once until something else happens.
 */
export class ReconcileLoop {
  readonly #context: Context;
  readonly #parts: Parts;
  readonly #stop = new AbortController();
  /** runs in which nothing was under way at event `seq`, and how often they were woken for it */
  readonly #still = new Map<string, { seq: number; woken: number }>();
  #said: string | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  start(): void {
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error("the control plane stops"));
    await this.#done;
  }

  async #run(): Promise<void> {
    const { clock, limits, store } = this.#context;
    while (!this.#stop.signal.aborted) {
      let well = true;
      const fails = (cause: unknown) => {
        well = false;
        this.#say(cause);
      };
      const states = await store.openRuns().catch((cause) => {
        fails(cause);
        return [];
      });
      for (const state of states) await this.#look(state, states).catch(fails);
      this.#parts.exporter.retry();
      this.#parts.classing.retry();
      if (well) this.#said = undefined;
      await clock.sleep(limits.reconcileMs, this.#stop.signal).catch(() => undefined);
    }
  }

  async #look(state: RunState, all: readonly RunState[]): Promise<void> {
    const { store } = this.#context;
    const { id, status, repo } = state.run;
    if (status === "queued" && firstOn(repo.path, all) === state) {
      await store.append(id, (s) => (s?.run.status === "queued" ? [{ type: "run.started" }] : []));
    }
    const orphans = await store.settleOrphans(id);
    this.#parts.health.free(orphans.map((call) => call.id));
    if (!isRunning(status)) return;
    await this.#parts.dispatcher.reconcile(state);
    await this.#moveOn(id);
  }

  /**
   * An active run has a step open, a person to wait for, or a thread at work. One with none of them has lost a wake-up,
   * or met a defect: it is woken, and if it stays where it is, it ends with a reason (I10).
   */
  async #moveOn(id: string): Promise<void> {
    const { store, log } = this.#context;
    const state = await stateOf(store, id);
    if (this.#parts.driver.isBusy(id)) return;
    if (!isStill(state)) {
      this.#still.delete(id);
      return;
    }
    const { seq } = state.run;
    const before = this.#still.get(id);
    const woken = before?.seq === seq ? before.woken : 0;
    if (woken < WAKE_UPS) {
      this.#still.set(id, { seq, woken: woken + 1 });
      return this.#parts.driver.wakeAll(id);
    }
    this.#still.delete(id);
    const reason = `nothing is under way and nothing is waited for (${openEnds(state)}); this is a defect of the factory, resume tries again`;
    log(`run ${id}: ${reason}`);
    await store.append(id, (now) =>
      now?.run.seq === seq && isStill(now) ? [{ type: "run.failed", reason }] : [],
    );
  }

  #say(cause: unknown): void {
    const line = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    if (line !== this.#said) this.#context.log(`reconciling: ${line}`);
    this.#said = line;
  }
}

const isStill = (state: RunState): boolean =>
  isRunning(state.run.status) &&
  Object.values(state.steps).every((step) => step.result !== undefined) &&
  !waitingOnPerson(state) &&
  !waitingOnBudget(state);

const openEnds = (state: RunState): string => {
  const threads = Object.values(state.threads).filter((thread) => !thread.finished);
  const tasks = Object.values(state.tasks).filter((task) =>
    ["building", "waiting", "queued"].includes(task.status),
  );
  return [
    ...threads.map((thread) => `${thread.kind} ${thread.id} is open`),
    ...tasks.map((task) => `task ${task.id} is ${task.status}`),
  ]
    .slice(0, 20)
    .join(", ");
};
