import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { createAttestor, openSigningKey } from "@headrace/attest";
import { type ControlOptions, createControl } from "@headrace/control";
import {
  type Clock,
  type FactoryApi,
  type FactoryControl,
  type ModelChoice,
  type ModelClient,
  PRODUCT,
  type Queue,
  type Sandboxes,
} from "@headrace/domain";
import { checkProvider, createModelClient, createPriceBook, resolveRoutes } from "@headrace/models";
import { createQueue, type RedisEndpoint, startRedis } from "@headrace/queue";
import { openFactoryRepo } from "@headrace/repo";
import { createDockerSandboxes, type Egress } from "@headrace/sandbox";
import { type Simulator, startSimulator } from "@headrace/simulator";
import { createClock, openStore } from "@headrace/store";
import { createWorker } from "@headrace/worker";
import { createThreads, type Threads } from "@headrace/workflows";
import { createRepos } from "../../packages/cli/src/factory/repos.ts";
import { baseImageTag } from "../../packages/cli/src/machine/base-image.mjs";
import { ca, engineAddress } from "./engine.ts";
import { type Host, lookAt, prepareRun, type RunPlan, type TestRun } from "./factory-run.ts";
import { tempDir } from "./git.ts";

type OpenedStore = Awaited<ReturnType<typeof openStore>>;

/** Where a test stands between two parts of the factory. */
export type Between = {
  queue?(queue: Queue): Queue;
  threads?(threads: Threads): Threads;
  /** as the worker sees it */
  api?(api: FactoryApi): FactoryApi;
};

export type TestFactory = AsyncDisposable &
  Host & {
    control: FactoryControl;
    api: FactoryApi;
    store: OpenedStore;
    redis: RedisEndpoint;
    /** its data directory */
    data: string;
    /** Makes a repository, submits a run on it, and hands back how to look at both. */
    start(plan: RunPlan): Promise<TestRun>;
  };

const SLOTS = 4;
const CLOSE_MS = 1_000;

/** One simulator a script file: what a run's model was asked stays countable. */
const createSimulators = (closing: AsyncDisposableStack) => {
  const started = new Map<string, Promise<Simulator>>();
  const of = (file: string): Promise<Simulator> => {
    const known = started.get(file);
    if (known) return known;
    const simulator = startSimulator({ mode: { kind: "script", file } });
    started.set(file, simulator);
    closing.defer(async () => (await simulator).close());
    return simulator;
  };
  const client = async (choice: ModelChoice): Promise<ModelClient> => {
    if (choice.kind !== "script") throw new Error(`this factory plays scripts, not ${choice.kind}`);
    const { url, apiKey } = await of(choice.file);
    return createModelClient({ baseUrl: url, apiKey });
  };
  return { of, client };
};

const openSandboxes = async (
  owner: string,
  clock: Clock,
  egress: Egress | undefined,
): Promise<Sandboxes> =>
  createDockerSandboxes({
    ...(egress === undefined ? {} : { egress }),
    ...(ca === undefined ? {} : { ca }),
    engine: await engineAddress(),
    baseImage: baseImageTag(),
    owner,
    boot: clock.id(),
    onWarning: () => {},
  });

/**
 * A whole factory as packages/cli composes it, on a data directory of its own, with real parts: SQLite, Redis, git,
 * Docker, and the simulator over HTTP. `between` puts a test's own port in front of one of them.
 */
export const openTestFactory = async (
  options: { between?: Between; limits?: ControlOptions["limits"]; egress?: Egress } = {},
): Promise<TestFactory> => {
  const { between = {}, limits, egress } = options;
  const closing = new AsyncDisposableStack();
  const data = closing.use(await tempDir("headrace-factory-"));
  const clock = createClock();
  const owner = `test-${randomUUID()}`;
  const logged: string[] = [];
  const log = (line: string) => void logged.push(line);
  const store = await openStore({ file: join(data.path, "headrace.db"), clock });
  closing.defer(() => store.close());
  const sandboxes = await openSandboxes(owner, clock, egress);
  closing.defer(() => sandboxes.close());
  const redis = closing.use(
    await startRedis({ dataDir: data.path, env: process.env, onWarning: log }),
  );
  const real = await createQueue({
    redis,
    prefix: `${PRODUCT}-${owner}`,
    onError: (error) => log(`queue: ${error.message}`),
    onWarning: log,
  });
  closing.defer(() => real.close());
  const queue = between.queue?.(real) ?? real;
  const prices = createPriceBook();
  const simulators = createSimulators(closing);
  const checkpoints = await store.checkpoints();
  const control = createControl({
    store,
    queue,
    clock,
    prices,
    attestor: createAttestor(await openSigningKey(join(data.path, "keys"))),
    repos: closing.use(
      await createRepos({ repos: join(data.path, "repos"), views: join(data.path, "views") }),
    ),
    admit: async ({ model, limits: bounded = {} }) => ({
      ...resolveRoutes({
        routing: { models: new Map(), routes: {}, overrides: [], provider: model.kind },
        offers: new Map([[model.kind, await checkProvider(await simulators.client(model))]]),
        priceBook: prices,
        at: clock.now(),
      }),
      limits: bounded,
    }),
    threads: (ports) => {
      const threads = createThreads(ports, checkpoints);
      return between.threads?.(threads) ?? threads;
    },
    ...(limits === undefined ? {} : { limits }),
    log,
  });
  const worker = createWorker({
    api: between.api?.(control.api) ?? control.api,
    sandboxes,
    repo: closing.use(await openFactoryRepo({ dir: join(data.path, "worker.git") })),
    modelClient: simulators.client,
    clock,
    workerId: "test-worker",
    slots: SLOTS,
    log,
  });
  const consumer = await queue.consume("work", worker.deliveries, worker.handle);
  closing.defer(() => {
    worker.park("the test is over");
    return consumer.close(CLOSE_MS);
  });
  await control.start();
  closing.defer(() => control.stop());
  const host: Host = { store, logged, simulator: simulators.of };
  return {
    ...host,
    store,
    control: control.commands,
    api: control.api,
    redis,
    data: data.path,
    async start(plan) {
      const { submission, pack, ...at } = await prepareRun(plan, closing);
      const { run, behind } = await control.commands.submit(submission, pack);
      return lookAt(host, { ...at, id: run, behind });
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
};
