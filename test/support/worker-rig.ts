import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createAttestor, openSigningKey } from "@headrace/attest";
import { createControl } from "@headrace/control";
import {
  type BudgetLimits,
  type FactoryApi,
  type Job,
  type JobOutcome,
  type PinnedRoutes,
  PlanVersion,
  Policy,
  type RunState,
  type Sandboxes,
  type StepInput,
  type StepInputOf,
  type StepRow,
  type Store,
  type Submission,
} from "@headrace/domain";
import { createModelClient, createPriceBook } from "@headrace/models";
import { createMemoryQueue } from "@headrace/queue";
import { openFactoryRepo, openSourceRepo } from "@headrace/repo";
import { type SimulatorOptions, startSimulator } from "@headrace/simulator";
import { createClock, openStore } from "@headrace/store";
import { createWorker } from "@headrace/worker";
import { createThreads } from "@headrace/workflows";
import { stringify } from "yaml";
import { coderBrief } from "../../agents/fixtures/sample-briefs.ts";
import { commitFiles, type FileChange, tempDir, tempRepo } from "./git.ts";
import { sampleSubmission } from "./sample-submission.ts";

/** A plan of the one task `t1`, so that its steps have a row to end in. */
const acceptPlan = async (store: Store, run: string, { policy, requirements }: Submission) => {
  const task = { id: "t1", title: "A task", description: "Do it.", acceptance: ["done"] };
  const plan = PlanVersion.parse({ version: 1, summary: "One task.", tasks: [task] });
  const policyHash = await store.putBlob(new TextEncoder().encode(JSON.stringify(policy)));
  await store.append(run, [
    { type: "plan.proposed", plan, round: 1 },
    { type: "plan.accepted", version: 1, requirements, policy, policyHash },
  ]);
};

const BRIEF = { ...coderBrief, previous: undefined, conflicts: [], answers: [] };

/** The first attempt at task `t1` by a coder who starts from `commit`. */
export const coding = (commit: string): StepInputOf<"agent"> => ({
  kind: "agent",
  role: "coder",
  commit,
  attempt: 1,
  conversation: 1,
  brief: JSON.parse(JSON.stringify(BRIEF)),
});

/**
 * One worker beside a real control plane that never starts: steps are asked for by hand, each claim, record and
 * pack goes the way it goes in a run, and the model is the simulator.
 */
export const workerRig = async (options: {
  sandboxes: Sandboxes;
  /** commits of the user's repository, oldest first; the run starts from the last */
  history: ReadonlyArray<Readonly<Record<string, FileChange>>>;
  policy?: Record<string, unknown>;
  conversations?: readonly unknown[];
  /** what the run and its task are limited to */
  limits?: BudgetLimits;
  routes?: PinnedRoutes;
  /** under which the model is played */
  conditions?: Omit<SimulatorOptions, "mode">;
  /** as workers see it */
  api?(api: FactoryApi): FactoryApi;
}) => {
  const stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir("headrace-worker-"));
  const source = stack.use(await tempRepo());
  let base = "";
  for (const files of options.history) base = await commitFiles(source.path, files);
  const file = join(dir.path, "script.yaml");
  const conversations = options.conversations ?? [
    { role: "coder", task: "unused", turns: [{ text: "unused" }] },
  ];
  await writeFile(file, stringify({ conversations }));
  const mode = { kind: "script" as const, file };
  const simulator = stack.use(await startSimulator({ mode, ...options.conditions }));
  const clock = createClock();
  const store = await openStore({ file: join(dir.path, "store.db"), clock });
  stack.defer(() => store.close());
  const factory = await openFactoryRepo({ dir: join(dir.path, "factory.git") });
  const checkpoints = await store.checkpoints();
  const control = createControl({
    store,
    queue: createMemoryQueue({ clock, onError: () => {} }),
    clock,
    prices: createPriceBook(),
    attestor: createAttestor(await openSigningKey(join(dir.path, "keys"))),
    repos: { factory: async () => factory, source: async (path) => openSourceRepo({ path }) },
    admit: async () => ({
      routes: {
        coder: "claude-sonnet-5",
        researcher: "claude-sonnet-5",
        reviewer: "claude-opus-4-8",
        ...options.routes,
      },
      overrides: [],
      limits: options.limits ?? {},
    }),
    threads: (ports) => createThreads(ports, checkpoints),
    log: () => {},
  });
  const submission: Submission = {
    ...sampleSubmission().submission,
    base,
    repo: { path: source.path, name: "sample" },
    policy: Policy.parse({
      gates: [],
      setup: [],
      protected: [],
      from: { gates: "file", setup: "file" },
      ...options.policy,
    }),
  };
  const pack = await (await openSourceRepo({ path: source.path })).pack(base);
  const { run } = await control.commands.submit(submission, pack);

  await acceptPlan(store, run, submission);

  const logged: string[] = [];
  let workers = 0;
  const newWorker = async () =>
    createWorker({
      api: options.api?.(control.api) ?? control.api,
      sandboxes: options.sandboxes,
      repo: await openFactoryRepo({ dir: join(dir.path, `worker-${++workers}.git`) }),
      modelClient: async () =>
        createModelClient({ baseUrl: simulator.url, apiKey: simulator.apiKey }),
      clock,
      workerId: `w${workers}`,
      slots: 1,
      log: (line) => logged.push(line),
    });
  const job = (step: string): Job => ({ id: `${step}-1`, lane: "work", run, step });
  return {
    run,
    base,
    store,
    factory,
    control,
    simulator,
    logged,
    /** Records the request for a step of task `t1`; its id is `<run>-<name>`. */
    async request(name: string, input: StepInput): Promise<string> {
      const step = `${run}-${name}`;
      const owner = { subject: "t1", task: "t1", attempt: 1 };
      const thread = { kind: "task" as const, id: "t1" };
      await store.append(run, [{ type: "step.requested", step, thread, input, ...owner }]);
      return step;
    },
    /** Delivers the step's job to a worker that has never seen this run. */
    async deliver(step: string, signal = new AbortController().signal): Promise<JobOutcome> {
      return (await newWorker()).handle(job(step), signal);
    },
    async state(): Promise<RunState> {
      const state = await store.state(run);
      if (state === undefined) throw new Error(`there is no run ${run}`);
      return state;
    },
    async row(step: string): Promise<StepRow | undefined> {
      return (await store.state(run))?.steps[step];
    },
    /** A commit on `parent` with these files instead of its own, in the factory's repository. */
    async change(parent: string, files: Readonly<Record<string, FileChange>>): Promise<string> {
      await commitFiles(source.path, files, "change");
      const head = await openSourceRepo({ path: source.path });
      const tip = await head.resolve("HEAD");
      await factory.putPack(await head.pack(tip), tip, { boundary: true });
      return factory.commit({
        tree: await factory.treeOf(tip),
        parents: [parent],
        message: "change",
        at: new Date(0),
      });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};
