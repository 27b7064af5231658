import {
  InfrastructureError,
  type Sandbox,
  SandboxLimitError,
  SandboxLimits,
} from "@headrace/domain";
import { expect } from "vitest";
import { openPlain, plainImage, sh } from "../contract/suites/sandbox-harness.ts";
import { dockerHarness } from "../support/engine.ts";
import { commitFiles, git, packFrom, tempRepo } from "../support/git.ts";
import { type Canaries, plantCanaries } from "./canaries.ts";
import { type HostProcess, startHostProcess } from "./host.ts";
import { setTripwires, type Tripwires } from "./tripwires.ts";

type Harness = Awaited<ReturnType<typeof dockerHarness>>;

/** A repository of one commit, as a run starts from, and the factory's copy of it. */
type Base = { path: string; commit: string; pack: Uint8Array; data: string };

/** What attacks need and what is dear to make: made when the first asks for it, shared by the others. */
export type Stage = AsyncDisposable & {
  tripwires: Tripwires;
  canaries: Canaries;
  /** Looks for canaries and at the tripwires, after a letter's last case; throws where there is anything. */
  lookAround(when: string): Promise<void>;
  host(): Promise<HostProcess>;
  engine(): Promise<Harness>;
  base(): Promise<Base>;
  /** the plain environment's image */
  image(): Promise<string>;
  /** the sandbox that attacks share who cannot spoil it for each other, the base checked out in it */
  shared(): Promise<Sandbox>;
  /** one of its own, with the base in it */
  fresh(limits?: Partial<SandboxLimits>): Promise<Sandbox>;
  /** Does `work` on first use of `key` and hands the same to who asks later; closed with the stage. */
  once<T>(key: string, work: (closing: AsyncDisposableStack) => Promise<T>): Promise<T>;
};

export const LIMITS = SandboxLimits.parse({ memoryMb: 512, cpus: 1, pids: 128, diskMb: 512 });

const FILES = {
  "a.txt": "1\n2\n3\n",
  "src/main.ts": "export const main = 1;\n",
  "test.sh": "grep -q main src/main.ts\n",
};

const makeBase = async (
  host: HostProcess,
  remote: string,
  closing: AsyncDisposableStack,
): Promise<Base> => {
  const repo = closing.use(await tempRepo());
  git(repo.path, "remote", "add", "origin", remote);
  const commit = await commitFiles(repo.path, FILES);
  const pack = packFrom(repo.path, `--shallow ${commit}`, commit);
  return { path: repo.path, commit, pack, data: await host.withBase(pack, commit) };
};

export const openStage = async (): Promise<Stage> => {
  const closing = new AsyncDisposableStack();
  const tripwires = closing.use(await setTripwires());
  const canaries = closing.use(await plantCanaries());
  tripwires.count("canaries that came out", () => canaries.found().length);
  const made = new Map<string, Promise<unknown>>();
  const once: Stage["once"] = (key, work) => {
    const known = made.get(key) ?? work(closing);
    made.set(key, known);
    return known as ReturnType<typeof work>;
  };
  const host = () => once("host", async () => closing.use(await startHostProcess()));
  const engine = () => once("engine", async () => closing.use(await dockerHarness()));
  const base = () => once("base", async () => makeBase(await host(), canaries.remote, closing));
  const image = () => once("image", async () => plainImage(await engine()));
  const fresh: Stage["fresh"] = async (limits = {}) => {
    const harness = await engine();
    const sandbox = await openPlain(harness, {
      image: await image(),
      limits: { ...LIMITS, ...limits },
    });
    const { pack, commit } = await base();
    await sandbox.checkout(pack, commit);
    return sandbox;
  };
  let shared: Promise<Sandbox> | undefined;
  return {
    tripwires,
    canaries,
    async lookAround(when) {
      // where a letter has one: what its other sandboxes print is noted by its cases
      const open = await shared?.catch(() => undefined);
      if (open !== undefined && (await alive(open)))
        await canaries.hunt(open, `a sandbox, ${when}`);
      expect(canaries.found(), `${when}: canaries that came out`).toEqual([]);
      await tripwires.assertSilent(when);
    },
    host,
    engine,
    base,
    image,
    fresh,
    once,
    async shared() {
      const before = await shared?.catch(() => undefined);
      // one that an attack got killed is replaced, as the factory would
      if (before === undefined || !(await alive(before))) shared = fresh();
      return shared ?? fresh();
    },
    async [Symbol.asyncDispose]() {
      await (await shared?.catch(() => undefined))?.[Symbol.asyncDispose]();
      const executions = made.has("host") ? await (await host()).executions() : undefined;
      try {
        if (executions !== undefined) tripwires.report(executions);
        await tripwires.assertSilent("at the end");
      } finally {
        await closing.disposeAsync();
      }
    },
  };
};

const alive = async (sandbox: Sandbox): Promise<boolean> => {
  try {
    return (await sh(sandbox, "true")).exitCode === 0;
  } catch (error) {
    if (error instanceof InfrastructureError || error instanceof SandboxLimitError) return false;
    throw error;
  }
};

/** The workspace as a change of the base, handed to the factory as an agent's. */
export const handIn = async (stage: Stage, sandbox: Sandbox): Promise<string> => {
  const base = await stage.base();
  const { pack, commit } = await sandbox.snapshot(base.commit);
  await (await stage.host()).takeIn(pack, commit, { data: base.data, base: base.commit });
  return commit;
};
