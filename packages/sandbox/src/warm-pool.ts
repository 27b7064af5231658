import type { Sandbox, SandboxSpec } from "@headrace/domain";

/** A sandbox of which is known when it is gone. */
export type LiveSandbox = Sandbox & { readonly lost: boolean };

type Warm = {
  sandbox: Promise<LiveSandbox | undefined>;
  expiry: NodeJS.Timeout;
};

const MOST = 2;
const UNUSED_MS = 60_000;

/**
 * Sandboxes that were started ahead and wait to be taken, at most one of a kind and two in all. They take only room
 * that nobody else asks for; what is not taken within a minute is removed.
 */
export class WarmPool {
  readonly #start: (spec: SandboxSpec) => Promise<LiveSandbox | undefined>;
  readonly #kept = new Map<string, Warm>();
  readonly #removals = new Set<Promise<void>>();
  #closed = false;

  /** `start` starts one where there is free room; its failure is no one's. */
  constructor(start: (spec: SandboxSpec) => Promise<LiveSandbox | undefined>) {
    this.#start = start;
  }

  /** Starts one of this kind, or keeps the one that waits for another minute. */
  warm(spec: SandboxSpec): void {
    if (this.#closed || !canWait(spec)) return;
    const key = keyOf(spec);
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      kept.expiry.refresh();
      return;
    }
    if (this.#kept.size >= MOST) return;
    const sandbox = this.#start({ ...spec, labels: { ...spec.labels, step: "warm" } }).catch(
      () => undefined,
    );
    const expiry = setTimeout(() => this.#remove(key), UNUSED_MS).unref();
    this.#kept.set(key, { sandbox, expiry });
    void sandbox.then((started) => {
      if (started === undefined) this.#forget(key, sandbox);
    });
  }

  /** One of this kind, which is the caller's then; undefined where none waits or the one that did is gone. */
  async take(spec: SandboxSpec): Promise<Sandbox | undefined> {
    if (!canWait(spec)) return undefined;
    const key = keyOf(spec);
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    this.#forget(key, kept.sandbox);
    const sandbox = await kept.sandbox;
    if (!sandbox?.lost) return sandbox;
    await sandbox[Symbol.asyncDispose]();
    return undefined;
  }

  /** Removes all that wait. */
  async drain(): Promise<void> {
    for (const key of [...this.#kept.keys()]) this.#remove(key);
    await Promise.all(this.#removals);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.drain();
  }

  #remove(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#forget(key, kept.sandbox);
    const removal = kept.sandbox.then(async (sandbox) => sandbox?.[Symbol.asyncDispose]());
    this.#removals.add(removal);
    void removal.finally(() => this.#removals.delete(removal));
  }

  #forget(key: string, sandbox: Warm["sandbox"]): void {
    const kept = this.#kept.get(key);
    if (kept?.sandbox !== sandbox) return;
    clearTimeout(kept.expiry);
    this.#kept.delete(key);
  }
}

/** What others run beside it, or reach through it, is started for one sandbox alone. */
const canWait = ({ services, network }: SandboxSpec): boolean =>
  network === undefined && (services === undefined || services.length === 0);

const keyOf = ({ image, limits, env, isolation, labels }: SandboxSpec): string => {
  const sorted = (values: object) => Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
  // a run's own: what it holds counts as its share
  return JSON.stringify([
    labels.run,
    image,
    sorted(limits),
    sorted(env),
    isolation && sorted(isolation),
  ]);
};
