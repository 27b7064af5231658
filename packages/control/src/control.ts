import {
  type Candidate,
  type Consumer,
  type FactoryApi,
  type FactoryControl,
  isRunning,
  Role,
  type RunRow,
  type RunState,
  routeFor,
  type StoredEvent,
  waitingOnBudget,
  waitingOnPerson,
} from "@headrace/domain";
import { signLog } from "./attesting.ts";
import { Classing } from "./classing.ts";
import { createCommands } from "./commands.ts";
import { CONTROL_WORKER, createControlHandler } from "./control-steps.ts";
import { Dispatcher } from "./dispatcher.ts";
import { asksForExport, Exporter } from "./exporter.ts";
import { createFactoryApi } from "./factory-api.ts";
import { type Context, type ControlOptions, DEFAULT_LIMITS, stateOf } from "./options.ts";
import { firstOn, ReconcileLoop } from "./reconcile-loop.ts";
import { createCalls } from "./reserve-call.ts";
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
  const failed = (cause: unknown) =>
    context.log(
      `control plane: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`,
    );
  const dispatcher = new Dispatcher(context);
  const driver = new ThreadDriver(context, options.threads(ports));
  const exporter = new Exporter(context);
  const classing = new Classing(context);
  const follow = following(context, { exporter, classing, failed });
  const calls = createCalls(context);
  const commands = createCommands(context, {
    async acted(run) {
      await calls.health.restore(candidatesOf((await stateOf(context.store, run)).run));
      // a queue that is away is told by the reconciler
      await dispatcher.hurry(run).catch(failed);
    },
    reached: (providers) => calls.health.reached(providers),
  });
  const loop = new ReconcileLoop(context, {
    ...{ dispatcher, driver, exporter, classing },
    health: calls.health,
  });
  const handle = createControlHandler(context, dispatcher);
  let consumer: Consumer | undefined;
  let unsubscribe = (): void => undefined;

  const reacting = new Set<Promise<void>>();
  const react = async (run: string, events: StoredEvent[]): Promise<void> => {
    const steps = events.filter((event) => event.type === "step.requested");
    const why = { lost: false, reason: "requested" };
    // a queue that is away holds no wake-up back: the reconciler adds the job when it is there again
    const adding = steps.map(({ step }) => dispatcher.dispatch(run, step, why).catch(failed));
    await driver.follow(run, events).catch(failed);
    await Promise.all([...adding, follow(run, events)]);
  };
  const track = (work: Promise<void>): void => {
    const reaction = work.finally(() => reacting.delete(reaction));
    reacting.add(reaction);
  };
  const onCommit = (run: string, events: StoredEvent[]): void => track(react(run, events));

  return {
    commands,
    api: createFactoryApi(calls, dispatcher),
    async start() {
      unsubscribe = context.store.onCommit(onCommit);
      await context.store.releaseClaims(CONTROL_WORKER);
      consumer = await context.queue.consume("control", 1, handle);
      for (const { run } of await context.store.runs()) {
        // it may belong to a run that has ended
        await context.store.settleOrphans(run.id);
        if (isRunning(run.status)) await driver.wakeAll(run.id);
        track(follow(run.id));
      }
      loop.start();
    },
    async idle() {
      const states = await context.store.openRuns();
      return driver.idle && !states.some((s) => canGoOn(s, states));
    },
    async stop() {
      await loop.stop();
      await consumer?.close(5_000);
      await driver.stop();
      unsubscribe();
      await Promise.allSettled(reacting);
      await exporter.settled();
      await classing.booked();
      await calls.health.save();
    },
  };
};

type Followers = { exporter: Exporter; classing: Classing; failed(cause: unknown): void };

/** What is due by the rows after these events, or after whatever a kill cut off: branches, spend, a signature. */
const following =
  (context: Context, { exporter, classing, failed }: Followers) =>
  async (run: string, events?: readonly StoredEvent[]): Promise<void> => {
    if (events === undefined || asksForExport(events)) await exporter.export(run);
    await classing.book(run, events);
    await signLog(context, run).catch(failed);
  };

/** All that may play a role in the run; what is known of others is none of its business. */
const candidatesOf = ({ routes, overrides = [] }: RunRow): Candidate[] =>
  [
    ...Role.options.filter((role) => role in routes).map((role) => routeFor(routes, [], role)),
    ...overrides.map(({ route }) => route),
  ].flatMap(({ candidates }) => candidates);

/** Whether anything but a person can move the run; one that is queued waits for what the one before it waits for. */
const canGoOn = (state: RunState, open: readonly RunState[]): boolean => {
  if (state.run.status === "queued") {
    const first = firstOn(state.run.repo.path, open);
    return first === undefined || first === state || canGoOn(first, open);
  }
  return isRunning(state.run.status) && !waitingOnPerson(state) && !waitingOnBudget(state);
};
