import {
  type Consumer,
  type FactoryApi,
  type FactoryControl,
  isEnded,
  isRunning,
  type RunState,
  type StoredEvent,
  waitingOnPerson,
} from "@headrace/domain";
import { createCommands } from "./commands.ts";
import { CONTROL_WORKER, createControlHandler } from "./control-steps.ts";
import { Dispatcher } from "./dispatcher.ts";
import { asksForExport, Exporter } from "./exporter.ts";
import { createFactoryApi } from "./factory-api.ts";
import { type Context, type ControlOptions, DEFAULT_LIMITS } from "./options.ts";
import { ThreadDriver } from "./thread-driver.ts";
import { createWorkflowPorts } from "./workflow-ports.ts";

/** The control plane of one data directory. */
export interface Control {
  /** for clients */
  commands: FactoryControl;
  /** for workers */
  api: FactoryApi;
  /** Starts dispatching, waking and reconciling; resumes every open run. */
  start(): Promise<void>;
  /** No run can go on by itself. */
  idle(): Promise<boolean>;
  /** Stops cleanly: nothing new starts, what runs is parked. */
  stop(): Promise<void>;
}

export const createControl = (options: ControlOptions): Control => {
  const context: Context = { ...options, limits: { ...DEFAULT_LIMITS, ...options.limits } };
  const ports = createWorkflowPorts(context);
  const dispatcher = new Dispatcher(context);
  const driver = new ThreadDriver(context, options.threads(ports));
  const exporter = new Exporter(context);
  const loop = new ReconcileLoop(context, dispatcher);
  const commands = createCommands(context);
  const handle = createControlHandler(context, dispatcher);
  let consumer: Consumer | undefined;
  let unsubscribe = (): void => undefined;

  const react = async (run: string, events: StoredEvent[]): Promise<void> => {
    for (const event of events) {
      if (event.type !== "step.requested") continue;
      // a queue that is away is no reason to miss a wake-up: the reconciler adds the job when it is back
      await dispatcher
        .dispatch(run, event.step, { lost: false, reason: "requested" })
        .catch(failed);
    }
    await driver.follow(run, events);
    if (asksForExport(events)) await exporter.export(run);
  };
  const failed = (cause: unknown) =>
    context.log(
      `control plane: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`,
    );

  return {
    commands,
    api: createFactoryApi(context, dispatcher),
    async start() {
      unsubscribe = context.store.onCommit((run, events) => void react(run, events).catch(failed));
      await context.store.releaseClaims(CONTROL_WORKER);
      consumer = await context.queue.consume("control", 1, handle);
      for (const state of await context.store.runs()) {
        if (isEnded(state.run.status)) continue;
        if (isRunning(state.run.status)) await driver.wakeAll(state.run.id);
        void exporter.export(state.run.id);
      }
      loop.start(failed);
    },
    async idle() {
      return driver.idle && !(await context.store.runs()).some((s) => canGoOn(s));
    },
    async stop() {
      await loop.stop();
      await consumer?.close(5_000);
      await driver.stop();
      unsubscribe();
      await exporter.settled();
    },
  };
};

/** Whether anything but a person can move the run. */
const canGoOn = (state: RunState): boolean => {
  if (state.run.status === "queued") return true;
  return isRunning(state.run.status) && !waitingOnPerson(state);
};

/**
 * The oldest open run on its repository. Whom it was queued behind does not tell: that one may have been cancelled
 * while it waited itself.
 */
const isNext = (state: RunState, oldestFirst: readonly RunState[]): boolean =>
  oldestFirst.find(({ run }) => run.repo.path === state.run.repo.path && !isEnded(run.status)) ===
  state;

/** One tick in a fixed order: orphaned reservations, queued runs, missing jobs. */
class ReconcileLoop {
  readonly #context: Context;
  readonly #dispatcher: Dispatcher;
  readonly #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();

  constructor(context: Context, dispatcher: Dispatcher) {
    this.#context = context;
    this.#dispatcher = dispatcher;
  }

  start(failed: (cause: unknown) => void): void {
    this.#done = this.#run(failed);
  }

  async #run(failed: (cause: unknown) => void): Promise<void> {
    const { clock, limits } = this.#context;
    while (!this.#stop.signal.aborted) {
      await this.#tick().catch(failed);
      await clock.sleep(limits.reconcileMs, this.#stop.signal).catch(() => undefined);
    }
  }

  async #tick(): Promise<void> {
    const { store } = this.#context;
    const states = await store.runs();
    for (const state of states) {
      const { id, status } = state.run;
      if (status === "queued" && isNext(state, states)) {
        await store.append(id, (s) =>
          s?.run.status === "queued" ? [{ type: "run.started" }] : [],
        );
      }
      if (!isRunning(status)) continue;
      await store.settleOrphans(id);
      await this.#dispatcher.reconcile(state);
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error("the control plane stops"));
    await this.#done;
  }
}
