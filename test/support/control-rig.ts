import { join } from "node:path";
import { createAttestor, openSigningKey } from "@headrace/attest";
import { type Control, createControl } from "@headrace/control";
import { type Clock, Policy, type Submission } from "@headrace/domain";
import { createPriceBook } from "@headrace/models";
import { createMemoryQueue } from "@headrace/queue";
import { openFactoryRepo, openSourceRepo } from "@headrace/repo";
import { createClock, openStore } from "@headrace/store";
import { createThreads } from "@headrace/workflows";
import { commitFiles, type TempDir, tempDir, tempRepo } from "./git.ts";
import { sampleSubmission } from "./sample-submission.ts";

const ROUTES = { coder: "claude-sonnet-5", reviewer: "claude-opus-4-8" };

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
export const controlRig = async () => {
  const closing = new AsyncDisposableStack();
  const dir = closing.use(await tempDir("headrace-control-"));
  const clock = pushedClock();
  const store = await openStore({ file: join(dir.path, "store.db"), clock });
  closing.defer(() => store.close());
  const repo = closing.use(await openFactoryRepo({ dir: join(dir.path, "factory.git") }));
  const checkpoints = await store.checkpoints();
  const control: Control = createControl({
    store,
    queue: createMemoryQueue({ clock, onError: () => {} }),
    clock,
    prices: createPriceBook(),
    attestor: createAttestor(await openSigningKey(join(dir.path, "keys"))),
    repos: { factory: async () => repo, source: async (path) => openSourceRepo({ path }) },
    admit: async () => ROUTES,
    threads: (ports) => createThreads(ports, checkpoints),
    log: () => {},
  });
  return {
    clock,
    store,
    repo,
    control,
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
