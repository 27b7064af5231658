import { join } from "node:path";
import { createAttestor, openSigningKey } from "@headrace/attest";
import { type Control, createControl } from "@headrace/control";
import {
  type BudgetLimits,
  type Candidate,
  type Clock,
  Policy,
  type Route,
  type Store,
  type Submission,
} from "@headrace/domain";
import { createPriceBook } from "@headrace/models";
import { createMemoryQueue } from "@headrace/queue";
import { openFactoryRepo, openSourceRepo } from "@headrace/repo";
import { createClock, openStore } from "@headrace/store";
import { createThreads } from "@headrace/workflows";
import { commitFiles, type TempDir, tempDir, tempRepo } from "./git.ts";
import { sampleSubmission } from "./sample-submission.ts";

/** A candidate as a configuration names it. */
const candidate = (provider: string, model: string): Candidate => ({
  ...{ provider, model, pool: model, window: 200_000 },
  capabilities: ["tools", "cache"],
});

const route = (...candidates: Candidate[]): Route => ({ candidates, needs: [], order: "listed" });

/** The planner may use two providers; nobody knows the price of the researcher's model. */
const ROUTES = {
  coder: route(candidate("anthropic", "claude-sonnet-5")),
  reviewer: route(candidate("anthropic", "claude-opus-4-8")),
  planner: route(candidate("anthropic", "claude-sonnet-5"), candidate("other", "claude-haiku-4-5")),
  researcher: route(candidate("anthropic", "nobody-knows")),
};

export type ControlRigOptions = {
  /** of each run */
  limits?: BudgetLimits;
  /** of all runs */
  budgets?: Pick<BudgetLimits, "total" | "day" | "hour">;
  /** what is amiss when a run is admitted */
  notes?: string[];
  /** as the control plane sees it */
  store?(store: Store): Store;
};

/** The system's clock, which a test can push ahead. */
const pushedClock = (): Clock & { advance(ms: number): void } => {
  const real = createClock();
  let ahead = 0;
  return {
    ...real,
    now: () => new Date(real.now().getTime() + ahead),
    sleep: (ms, signal) => real.sleep(ms, signal),
    random: () => real.random(),
    id: () => real.id(),
    advance(ms) {
      ahead += ms;
    },
  };
};

/** The real control plane on a store and repositories of its own. It is never started: nothing moves by itself. */
export const controlRig = async (options: ControlRigOptions = {}) => {
  const { limits = {}, budgets = {}, notes = [] } = options;
  const closing = new AsyncDisposableStack();
  const dir = closing.use(await tempDir("headrace-control-"));
  const clock = pushedClock();
  const store = await openStore({ file: join(dir.path, "store.db"), clock });
  closing.defer(() => store.close());
  const repo = closing.use(await openFactoryRepo({ dir: join(dir.path, "factory.git") }));
  const checkpoints = await store.checkpoints();
  const attestor = createAttestor(await openSigningKey(join(dir.path, "keys")));
  const boot = (settings = "key-1"): Control =>
    createControl({
      store: options.store?.(store) ?? store,
      queue: createMemoryQueue({ clock, onError: () => {} }),
      clock,
      prices: createPriceBook(),
      attestor,
      repos: { factory: async () => repo, source: async (path) => openSourceRepo({ path }) },
      admit: async () => ({
        routes: ROUTES,
        overrides: [],
        ...{ limits, notes },
        reached: ["anthropic"],
      }),
      budgets,
      settings,
      threads: (ports) => createThreads(ports, checkpoints),
      log: () => {},
    });
  return {
    clock,
    store,
    repo,
    control: boot(),
    /** The control plane of the next process, with these provider settings. */
    boot,
    /** A submission of a repository of its own, which holds one file. */
    async submission(): Promise<{ submission: Submission; pack: Uint8Array; user: TempDir }> {
      const user = closing.use(await tempRepo());
      const base = await commitFiles(user.path, { "a.txt": "a\n" });
      const { submission } = sampleSubmission();
      const pack = await (await openSourceRepo(user)).pack(base);
      return {
        submission: { ...submission, base, repo: { path: user.path, name: "sample" } },
        pack,
        user,
      };
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
};

export const NO_GATES = Policy.parse({
  gates: [],
  setup: [],
  protected: [],
  from: { gates: "file", setup: "file" },
});
