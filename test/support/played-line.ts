import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createAttestor, openSigningKey } from "@headrace/attest";
import { type Control, type ControlOptions, createControl } from "@headrace/control";
import {
  type BudgetLimits,
  type Claim,
  type FactoryApi,
  type FactoryControl,
  type FactoryRepo,
  fromUsd,
  NO_USAGE,
  PlanProposal,
  Policy,
  type Queue,
  Role,
  type RunState,
  type StepOutcome,
  type StepResult,
  type StoredEvent,
  type Submission,
} from "@headrace/domain";
import { createPriceBook } from "@headrace/models";
import { createMemoryQueue } from "@headrace/queue";
import { openFactoryRepo, openSourceRepo } from "@headrace/repo";
import { createClock, openStore } from "@headrace/store";
import { createThreads, type Threads, type WorkflowPorts } from "@headrace/workflows";
import { commitFiles, git, gitBytes, tempDir, tempRepo } from "./git.ts";

const MODEL = "claude-sonnet-5";
const WORKER = "played";

export type LineOptions = {
  limits?: ControlOptions["limits"];
  /** of each run, and of its tasks */
  budgets?: BudgetLimits;
  queue?(queue: Queue): Queue;
  threads?(threads: Threads): Threads;
  /** as graphs see them */
  ports?(ports: WorkflowPorts): WorkflowPorts;
  /** as the control plane sees it */
  repo?(repo: FactoryRepo): FactoryRepo;
  /** what a worker answers instead of doing the step well */
  play?(claim: Claim, api: FactoryApi): StepOutcome | undefined | Promise<StepOutcome | undefined>;
};

/**
 * The real control plane, graphs, store and git, with jobs in memory and a worker that does every step at once: gates
 * pass, coders add a file, reviewers approve. For what no model and no container has a part in.
 */
export const playedLine = async (options: LineOptions = {}) => {
  const closing = new AsyncDisposableStack();
  const dir = closing.use(await tempDir("headrace-line-"));
  const clock = createClock();
  const store = await openStore({ file: join(dir.path, "store.db"), clock });
  closing.defer(() => store.close());
  const bare = join(dir.path, "factory.git");
  const repo = closing.use(await openFactoryRepo({ dir: bare }));
  const seen = options.repo?.(repo) ?? repo;
  // users' repositories go after the factory that exports to them
  const users = closing.use(new AsyncDisposableStack());
  const checkpoints = await store.checkpoints();
  const logged: string[] = [];
  let factory: { control: Control; stop(): Promise<void> } | undefined;

  const boot = async (): Promise<void> => {
    const memory = createMemoryQueue({ clock, onError: (e) => void logged.push(e.message) });
    const queue = options.queue?.(memory) ?? memory;
    const control = createControl({
      store,
      queue,
      clock,
      prices: createPriceBook(),
      attestor: createAttestor(await openSigningKey(join(dir.path, "keys"))),
      repos: { factory: async () => seen, source: async (path) => openSourceRepo({ path }) },
      admit: async () => ({
        routes: Object.fromEntries(Role.options.map((role) => [role, MODEL])),
        overrides: [],
        limits: options.budgets ?? {},
      }),
      threads(ports) {
        const threads = createThreads(options.ports?.(ports) ?? ports, checkpoints);
        return options.threads?.(threads) ?? threads;
      },
      limits: { reconcileMs: 25, ...options.limits },
      log: (line) => void logged.push(line),
    });
    await store.releaseClaims(WORKER);
    const worker = createPlayer({ control, repo, bare, play: options.play ?? (() => undefined) });
    const consumer = await queue.consume("work", 4, worker);
    await control.start();
    factory = {
      control,
      async stop() {
        await control.stop();
        await consumer.close(1_000);
        await queue.close();
      },
    };
  };
  await boot();
  closing.defer(() => factory?.stop());

  const stateOf = async (run: string): Promise<RunState> => {
    const state = await store.state(run);
    if (state === undefined) throw new Error(`there is no run ${run}`);
    return state;
  };
  return {
    store,
    checkpoints,
    repo,
    bare,
    logged,
    commands: (): FactoryControl => {
      if (factory === undefined) throw new Error("the factory is stopped");
      return factory.control.commands;
    },
    idle: () => factory?.control.idle(),
    /** The factory goes away with its queue and comes back on what the store holds. */
    async restart() {
      await factory?.stop();
      await boot();
    },
    async submit(tasks: Array<Record<string, unknown>>, change: Partial<Submission> = {}) {
      const path = change.repo?.path ?? users.use(await tempRepo()).path;
      const base = git(path, "rev-list", "--all").split("\n")[0] || (await firstCommit(path));
      const pack = await (await openSourceRepo({ path })).pack(base);
      const submission = submissionOf({ path, base, tasks, change });
      return (await factory?.control.commands.submit(submission, pack))?.run ?? "";
    },
    async events(run: string): Promise<StoredEvent[]> {
      return store.events(run, 0, 100_000);
    },
    state: stateOf,
    /** Waits until the log has stood still for a while. */
    async settled(run: string): Promise<void> {
      for (let seq = 0, still = 0; still < 5; await clock.sleep(30)) {
        const now = (await stateOf(run)).run.seq;
        still = now === seq ? still + 1 : 0;
        seq = now;
      }
    },
    async until(
      run: string,
      enough: (state: RunState) => boolean,
      patienceMs = 100_000,
    ): Promise<RunState> {
      const deadline = Date.now() + patienceMs;
      for (;;) {
        const state = await stateOf(run);
        if (enough(state)) return state;
        if (Date.now() > deadline) {
          const tail = (await store.events(run, state.run.seq - 10)).map((e) => e.type);
          throw new Error(
            `run ${run} is ${state.run.status}: ${tail.join()}\n${logged.join("\n")}`,
          );
        }
        await clock.sleep(10);
      }
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
};

const firstCommit = (path: string) => commitFiles(path, { "README.md": "hello\n" });

const submissionOf = (from: {
  path: string;
  base: string;
  tasks: Array<Record<string, unknown>>;
  change: Partial<Submission>;
}): Submission => ({
  title: "Played",
  spec: "# Played\n\n## Acceptance\n- it works\n",
  requirements: [{ id: "r1", text: "it works", span: { from: 4, to: 4 }, source: "listed" }],
  constraints: [],
  base: from.base,
  repo: { path: from.path, name: "played" },
  policy: Policy.parse({
    gates: [{ name: "test", run: "true" }],
    setup: [],
    protected: [],
    from: { gates: "file", setup: "file" },
  }),
  guidance: [],
  budget: fromUsd(20),
  model: { kind: "provider" },
  consent: { given: true },
  plan: PlanProposal.parse({ summary: "As given.", tasks: from.tasks }),
  ...from.change,
});

/** A task as a planner would write it. */
export const played = (
  id: string,
  over: Record<string, unknown> = {},
): Record<string, unknown> => ({
  id,
  title: `Task ${id}`,
  description: "Add a file.",
  acceptance: ["it is there"],
  requirements: ["r1"],
  ...over,
});

type Player = {
  control: Control;
  repo: Awaited<ReturnType<typeof openFactoryRepo>>;
  bare: string;
  play: NonNullable<LineOptions["play"]>;
};

const createPlayer =
  ({ control: { api }, repo, bare, play }: Player): Parameters<Queue["consume"]>[2] =>
  async (job) => {
    const reply = await api.claim(job.run, job.step, WORKER);
    if (reply.kind === "stale") return { kind: "done" };
    if (reply.kind === "busy")
      return { kind: "retry-at", at: new Date(reply.until), reason: "busy" };
    const { claim } = reply;
    const { fence } = claim;
    const done = async (): Promise<StepOutcome> => ({
      kind: "done",
      result: await resultOf({
        claim,
        repo,
        bare,
        log: () => api.putBlob(fence, Buffer.from("ok")),
      }),
    });
    const outcome = (await callOnce(api, claim)) ?? (await play(claim, api)) ?? (await done());
    await api.outcome(fence, outcome);
    if (outcome.kind === "retry") return { ...outcome, kind: "retry-at", at: new Date(outcome.at) };
    if (outcome.kind === "infrastructure" || outcome.kind === "fatal") return outcome;
    return { kind: "done" };
  };

/** One call of the agent's model, which costs what it costs; why there is none, otherwise. */
const callOnce = async (
  api: FactoryApi,
  { fence, input }: Claim,
): Promise<StepOutcome | undefined> => {
  if (input.kind !== "agent") return undefined;
  const { role } = input;
  const id = randomBytes(32).toString("hex");
  const tokens = { inputBound: 1000, maxOutput: 1000 };
  for (;;) {
    const grant = await api.reserve(fence, { role, turn: 1, ask: id, prefix: id, ...tokens });
    if (grant.kind === "wait") {
      await sleep(grant.ms);
      continue;
    }
    if (grant.kind === "stopped") return grant;
    if (grant.kind === "refused") return { ...grant, kind: "budget" };
    if (grant.kind === "deferred") return { ...grant, kind: "retry", at: grant.until };
    if (grant.kind !== "granted") return { kind: "fatal", reason: JSON.stringify(grant) };
    const usage = { ...NO_USAGE, input: 1000, output: 1000 };
    const reply = { id: "m", model: MODEL, stopReason: "tool_use", content: [], usage };
    await api.settle(fence, grant.call, { kind: "reply", turn: 1, reply, durationMs: 1 });
    return undefined;
  }
};

type Doing = Pick<Player, "repo" | "bare"> & { claim: Claim; log(): Promise<string> };

const resultOf = async ({ claim, repo, bare, log }: Doing): Promise<StepResult> => {
  const { input } = claim;
  switch (input.kind) {
    case "environment":
      return { kind: "environment", image: "image:1", cached: true, durationMs: 1 };
    case "verify": {
      const result = { verdict: "pass" as const, reason: "exit 0", exitCode: 0, durationMs: 1 };
      const text = await log();
      const key = {
        tree: await repo.treeOf(input.commit),
        landingBaseTree: await repo.treeOf(input.landingBase),
        policy: claim.policyHash,
        image: "image:1",
        permits: input.permits,
        gates: input.gates,
      };
      const id = `rc-${randomBytes(6).toString("hex")}`;
      const results = input.gates.map((gate) => ({ gate, ...result, log: text }));
      return { kind: "verify", receipt: { id, key, results, at: new Date(0).toISOString() } };
    }
    case "evidence":
      return { kind: "evidence", results: [met] };
    case "agent": {
      const end = { end: "submitted" as const, model: MODEL, turns: 1 };
      const output = outputOf(input.role, claim.subject);
      const snapshot = input.role === "coder" ? work(bare, input.commit, claim.subject) : undefined;
      const result = snapshot === undefined ? { ...end, output } : { ...end, output, snapshot };
      return { kind: "agent", result };
    }
    case "relock":
      return { kind: "relock", relock: { outcome: "failed", reason: "nobody plays it" } };
    case "change":
    case "merge":
    case "stack":
    case "land":
      throw new Error(`${input.kind} is not a worker's`);
  }
};

const met = { requirement: "r1", met: true, reason: "it was looked at", evidence: [] };

const outputOf = (role: string, subject: string): unknown => {
  if (role !== "reviewer") return { summary: `Did ${subject}.` };
  if (subject === "end") return { claims: [met] };
  return { decision: "approve", summary: "Good.", findings: [] };
};

/** A coder's snapshot: the tree of `parent` and a file named after the task. */
export const work = (bare: string, parent: string, name: string): string => {
  const blob = gitBytes(bare, ["hash-object", "-w", "--stdin"], `${name} of ${parent}\n`);
  const entries = git(bare, "ls-tree", parent)
    .split("\n")
    .filter((line) => !line.endsWith(`\t${name}.txt`));
  const entry = `100644 blob ${blob.toString("utf8").trim()}\t${name}.txt`;
  const tree = gitBytes(bare, ["mktree"], `${[...entries, entry].join("\n")}\n`);
  return git(bare, "commit-tree", tree.toString("utf8").trim(), "-p", parent, "-m", "snapshot");
};
