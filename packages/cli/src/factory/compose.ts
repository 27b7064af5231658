import { join } from "node:path";
import { createAttestor, openSigningKey } from "@headrace/attest";
import { createControl } from "@headrace/control";
import {
  type Clock,
  exitCode,
  type FactoryControl,
  isRunning,
  PRODUCT,
  type Queue,
  type Store,
} from "@headrace/domain";
import { createQueue, startRedis } from "@headrace/queue";
import { openFactoryRepo } from "@headrace/repo";
import type { EngineAddress } from "@headrace/sandbox";
import { createRedactor } from "@headrace/secrets";
import { createClock, openStore } from "@headrace/store";
import { createWorker } from "@headrace/worker";
import { createThreads } from "@headrace/workflows";
import { keepAwake } from "../awake.ts";
import { type DataDir, installationId, makeDataDir } from "../data-dir.ts";
import { readInstallation } from "../user-config.ts";
import { clearDeadChecks } from "./checks.ts";
import { createModels } from "./models.ts";
import { createNotifier } from "./notify.ts";
import { redisContainer } from "./redis-container.ts";
import { createRepos } from "./repos.ts";
import { openSandboxes } from "./sandboxes.ts";
import { slotsFrom } from "./settings.ts";
import { tellCollector } from "./telemetry.ts";
import { keepTidy } from "./tidy.ts";

/** A whole factory in this process: the one place where implementations are made. */
export interface Factory extends AsyncDisposable {
  control: FactoryControl;
  boot: string;
  clock: Clock;
  /** nothing can go on by itself */
  idle(): Promise<boolean>;
}

/** this process's own worker: with the store's lock held, no other of that name can be alive */
const WORKER = "local";

/** what a running step may take to end when the factory closes, before it is cut off and resumes later */
const PARK_MS = 60_000;

export type FactoryOptions = {
  data: DataDir;
  env: NodeJS.ProcessEnv;
  /** keep the machine from sleeping while a run can go on by itself */
  awake: boolean;
  log(line: string): void;
};

export const openFactory = async (options: FactoryOptions): Promise<Factory> => {
  const closing = new AsyncDisposableStack();
  try {
    const made = await compose(options, closing);
    const stack = closing.move();
    return { ...made, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (cause) {
    await closing.disposeAsync();
    throw cause;
  }
};

/** Makes everything in the order in which it depends on what was made before, and closes it the other way round. */
const compose = async (
  { data, env, awake, log: write }: FactoryOptions,
  closing: AsyncDisposableStack,
): Promise<Omit<Factory, typeof Symbol.asyncDispose>> => {
  const slots = slotsFrom(env);
  await makeDataDir(data);
  const clock = createClock();
  const identity = { boot: clock.id(), owner: await installationId(data, () => clock.id()) };
  // the store first: its lock says whether another factory owns the directory
  const installation = await readInstallation({ env, dataDir: data.root });
  const { prices } = installation;
  const key = await openSigningKey(data.keys);
  const redact = createRedactor(secretsOf(env, [...installation.secrets, ...key.secrets]));
  const log = (line: string) => write(redact(line));
  const store = await openStore({ file: data.store, clock, redact });
  closing.defer(() => store.close());
  const { config, providers } = installation;
  // closed after all that commits
  await tellCollector(
    { telemetry: config.telemetry, providers, env, store, clock, instance: identity.owner, log },
    closing,
  );
  const notifier = closing.use(createNotifier({ store, dir: data.notified, env, log }));
  if (awake) closing.use(keepAwake({ env, busy: () => anyRunning(store) }));
  const from = { installation, data, identity, env, onWarning: log };
  const { sandboxes, engine } = await openSandboxes(from, closing);
  await sandboxes.reap();
  await clearDeadChecks({ installation, data, env, owner: identity.owner, onWarning: log });
  closing.use(keepTidy({ sandboxes, log }));
  const queue = await openQueue({ data, env, engine, identity, log }, closing);
  const models = closing.use(createModels({ installation, clock }));
  const checkpoints = await store.checkpoints();
  const control = createControl({
    store,
    queue,
    clock,
    prices,
    attestor: createAttestor(key, redact),
    repos: closing.use(await createRepos(data)),
    admit: models.admit,
    budgets: installation.config.budgets,
    settings: installation.fingerprint,
    slots,
    threads: (ports) => createThreads(ports, checkpoints),
    log,
  });
  const worker = createWorker({
    api: control.api,
    sandboxes,
    repo: closing.use(await openFactoryRepo({ dir: join(data.worker, "trees.git") })),
    modelClient: models.client,
    clock,
    workerId: WORKER,
    slots,
    log,
  });
  // leases of a factory that was killed would only make its successor wait
  await store.releaseClaims(WORKER);
  const consumer = await queue.consume("work", worker.deliveries, worker.handle);
  closing.defer(() => {
    worker.park("the factory is stopping");
    return consumer.close(PARK_MS);
  });
  await control.start();
  closing.defer(() => control.stop());
  await notifier.start();
  return { control: control.commands, boot: identity.boot, clock, idle: () => control.idle() };
};

/** What no text that leaves this process may hold. */
const secretsOf = (env: NodeJS.ProcessEnv, own: readonly string[]): string[] =>
  [...own, env.HEADRACE_TOKEN, env.REDIS_URL].filter((text) => text !== undefined);

/** Whether some run can go on without a person. */
const anyRunning = async (store: Pick<Store, "openRuns">): Promise<boolean> =>
  (await store.openRuns()).some((s) => isRunning(s.run.status) && exitCode(s) === undefined);

type Identity = { owner: string; boot: string };

const openQueue = async (
  from: {
    data: DataDir;
    env: NodeJS.ProcessEnv;
    engine: EngineAddress | undefined;
    identity: Identity;
    log(line: string): void;
  },
  closing: AsyncDisposableStack,
): Promise<Queue> => {
  const { data, env, engine, identity, log } = from;
  const docker = engine === undefined ? {} : { docker: redisContainer(engine, identity) };
  const redis = closing.use(
    await startRedis({ dataDir: data.root, env, onWarning: log, ...docker }),
  );
  const queue = await createQueue({
    redis,
    prefix: `${PRODUCT}-${identity.owner}`,
    onError: (error) => log(`queue: ${error.message}`),
    onWarning: log,
  });
  closing.defer(() => queue.close());
  return queue;
};
