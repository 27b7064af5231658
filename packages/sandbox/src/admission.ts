import type { SandboxLimits, Service } from "@headrace/domain";

type Need = { memoryMb: number; cpus: number };

/** What one sandbox with everything beside it takes of the engine, for a run. */
type Claim = Need & { run: string };

const MIB = 1024 * 1024;
const SHARE = 0.8;
/** What an engine keeps for itself and its host however small it is. */
const RESERVE_MB = 1024;
/** Tests and builds wait more than they compute. */
const CPU_SHARE = 2;
/** What the container that holds the network of a sandbox and its services takes. */
export const HOLDER_MB = 32;
const LONG_WAIT_MS = 60_000;

/** What sandboxes may take in all, of an engine of this size. */
export const capacityOf = (engine: { memoryBytes: number; cpus: number }): Need => {
  const memoryMb = engine.memoryBytes / MIB;
  return {
    memoryMb: Math.floor(Math.max(0, Math.min(memoryMb * SHARE, memoryMb - RESERVE_MB))),
    cpus: engine.cpus * CPU_SHARE,
  };
};

/** Services together may use as many processors as whom they serve. */
export const needOf = (limits: SandboxLimits, services: readonly Service[] = []): Need => ({
  memoryMb: services.reduce(
    (sum, { memoryMb }) => sum + memoryMb,
    limits.memoryMb + (services.length > 0 ? HOLDER_MB : 0),
  ),
  cpus: limits.cpus * (services.length > 0 ? 2 : 1),
});

/**
 * A run with less than an equal share of the processors gets them whoever has them: they can be shared, memory cannot.
 * So it neither waits for the sandboxes of another nor for its own last one to be removed.
 */
const mayEnter = (capacity: Need, admitted: readonly Claim[], claim: Claim): boolean => {
  const own = admitted.filter(({ run }) => run === claim.run);
  const others = new Set(admitted.filter((a) => a.run !== claim.run).map(({ run }) => run)).size;
  const needy = others > 0 && sum(own, "cpus") < capacity.cpus / (others + 1);
  const cpus = needy ? Number.POSITIVE_INFINITY : capacity.cpus;
  return hasRoom({ ...capacity, cpus }, admitted, claim);
};

const hasRoom = (capacity: Need, admitted: readonly Need[], need: Need): boolean =>
  sum(admitted, "memoryMb") + need.memoryMb <= capacity.memoryMb &&
  sum(admitted, "cpus") + need.cpus <= capacity.cpus;

/**
 * Whose turn it is: of the run that holds the least memory the one that waits longest. Nobody overtakes it, however
 * small, so that what is large gets its turn as well.
 */
const nextOf = <C extends Claim>(
  admitted: readonly Claim[],
  waiting: readonly C[],
): C | undefined => {
  const held = (run: string) =>
    sum(
      admitted.filter((claim) => claim.run === run),
      "memoryMb",
    );
  let next: { claim: C; held: number } | undefined;
  for (const claim of waiting) {
    const now = held(claim.run);
    if (next === undefined || now < next.held) next = { claim, held: now };
  }
  return next?.claim;
};

const sum = (needs: readonly Need[], of: keyof Need): number =>
  needs.reduce((total, need) => total + need[of], 0);

/**
 * What a sandbox takes of the engine until this is disposed of. Where processors are short it has them in proportion to
 * its `cpuShares`: the more sandboxes its run has, the fewer.
 */
export type Room = Disposable & { readonly cpuShares: number };

/** What the first sandbox of a run has, and the kernel's own default. */
export const CPU_SHARES = 1024;
/** What each has however many there are. */
const LEAST_SHARES = 128;

const sharesOf = (admitted: Iterable<Claim>, run: string): number => {
  const before = [...admitted].filter((claim) => claim.run === run).length;
  return Math.max(LEAST_SHARES, Math.floor(CPU_SHARES / (before + 1)));
};

type Turn = Claim & { admit: (cpuShares: number) => void };

/** Lets sandboxes in while the engine has room for them, in fair turns. */
export class Admission {
  readonly #capacity: Need;
  readonly #onWarning: (message: string) => void;
  readonly #onShortage: () => void;
  readonly #admitted = new Set<Claim>();
  readonly #waiting = new Set<Turn>();
  readonly #told = new Set<string>();

  /** `onShortage`: somebody waits; whatever was let in by `enterFree` should give its room back. */
  constructor(
    capacity: Need,
    on: { onWarning: (message: string) => void; onShortage: () => void },
  ) {
    this.#capacity = capacity;
    this.#onWarning = on.onWarning;
    this.#onShortage = on.onShortage;
  }

  /** Waits for its turn; an abort leaves the line, with its reason. */
  async enter(claim: Claim, signal?: AbortSignal): Promise<Room> {
    signal?.throwIfAborted();
    this.#warnIfTooLarge(claim);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const turn = { ...claim, admit: resolve };
    const leave = () => {
      this.#waiting.delete(turn);
      reject(signal?.reason);
      // who stood behind it may have room
      this.#advance();
    };
    signal?.addEventListener("abort", leave, { once: true });
    const slow = setTimeout(() => this.#tellOfWait(claim), LONG_WAIT_MS);
    this.#waiting.add(turn);
    this.#advance();
    try {
      const cpuShares = await promise;
      return { cpuShares, [Symbol.dispose]: () => this.#release(turn) };
    } finally {
      clearTimeout(slow);
      signal?.removeEventListener("abort", leave);
    }
  }

  /** Room that nobody waits for, if there is such. */
  enterFree(claim: Claim): Room | undefined {
    if (this.#waiting.size > 0) return undefined;
    if (!hasRoom(this.#capacity, [...this.#admitted], claim)) return undefined;
    const spare = { ...claim };
    const cpuShares = sharesOf(this.#admitted, claim.run);
    this.#admitted.add(spare);
    return { cpuShares, [Symbol.dispose]: () => this.#release(spare) };
  }

  #release(claim: Claim): void {
    if (this.#admitted.delete(claim)) this.#advance();
  }

  #advance(): void {
    for (;;) {
      const next = nextOf([...this.#admitted], [...this.#waiting]);
      if (next === undefined) return;
      // what is too large for the engine is let in alone: a slow run is better than none
      const admitted = [...this.#admitted];
      if (admitted.length > 0 && !mayEnter(this.#capacity, admitted, next)) {
        this.#onShortage();
        return;
      }
      this.#waiting.delete(next);
      this.#admitted.add(next);
      next.admit(sharesOf(admitted, next.run));
    }
  }

  #warnIfTooLarge({ memoryMb, run }: Claim): void {
    const most = this.#capacity.memoryMb;
    if (memoryMb <= most) return;
    this.#tellOnce(
      "size",
      `a sandbox of ${run} may take ${memoryMb} MB, more than the ${most} MB that all sandboxes get of this engine, ` +
        "so it runs alone: give the engine more memory, or the sandbox less (`memory` under `sandbox` in the configuration)",
    );
  }

  #tellOfWait({ memoryMb, run }: Claim): void {
    const { memoryMb: most, cpus } = this.#capacity;
    const admitted = [...this.#admitted];
    this.#tellOnce(
      "wait",
      `a sandbox of ${run} has waited for ${LONG_WAIT_MS / 1000} s: it asks for ${memoryMb} MB, and others have ` +
        `${sum(admitted, "memoryMb")} of ${most} MB and ${sum(admitted, "cpus")} of ${cpus} processors; ` +
        "it starts when one of them ends (a larger engine or smaller sandboxes would let more run at a time)",
    );
  }

  #tellOnce(topic: string, message: string): void {
    if (this.#told.has(topic)) return;
    this.#told.add(topic);
    this.#onWarning(message);
  }
}
