import { setTimeout as sleep } from "node:timers/promises";
import type { SandboxLimits } from "@headrace/domain";

/** What of a container's writable layer passed its limit. */
export type Exceeded = { limit: "disk" | "inodes"; message: string };

/** What an engine can say of a container's writable layer, each at the price of a walk over it. */
export type Layer = {
  bytes(): Promise<number>;
  /** files added, changed or removed; counting may stop once there are more than `cap` */
  files(cap: number): Promise<number>;
};

export type DiskLimits = Pick<SandboxLimits, "diskMb" | "inodes">;

const MIB = 1024 * 1024;
/** The fastest that a container is taken to write and to make files, and an engine to walk over them. */
const BYTES_PER_MS = 2 * MIB;
const FILES_PER_MS = 50;
const WALKED_PER_MS = 1000;

const SHORTEST_MS = 250;
const LONGEST_MS = 5000;

/**
 * Looks at a container's writable layer until it passes a limit, and says so once. No engine offers a quota on every
 * disk, so the layer is measured, and as seldom as the room left allows: after a look with room for `n` bytes the next
 * comes before `n` bytes can have been written. Where there is less room than that, looks follow each other after
 * 250 ms, or after as long as a look takes. So a limit is passed by what is written in 250 ms and one look, or in two
 * looks: at 500 MB/s 0.13 GB in a small layer (a look takes 1 ms) and 0.4 GB in one of 100,000 files (0.4 s; where
 * the machine is busy, more: 0.9 GB was the most seen). Counting files walks over the image as well, so they are
 * counted only where the time that a look took says that there may be too many.
 */
export class DiskWatch {
  readonly #layer: Layer;
  readonly #limits: DiskLimits;
  readonly #onExceeded: (exceeded: Exceeded) => void;
  readonly #stopped = new AbortController();
  #last: Promise<unknown> = Promise.resolve();
  /** how many files there were, when, and how long counting took */
  #counted = { files: 0, at: Number.NEGATIVE_INFINITY, took: 0 };
  exceeded: Exceeded | undefined;
  /** bytes at the last look */
  bytes = 0;

  constructor(layer: Layer, limits: DiskLimits, onExceeded: (exceeded: Exceeded) => void) {
    this.#layer = layer;
    this.#limits = limits;
    this.#onExceeded = onExceeded;
  }

  /** Looks until it is stopped or a limit is passed. */
  start(): void {
    void this.#watch().catch(() => {});
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** What it passed; looks once more, for what ended or is kept by a commit is judged by all it wrote. */
  async measure(): Promise<Exceeded | undefined> {
    if (this.exceeded === undefined) await this.look();
    return this.exceeded;
  }

  /** One look, begun after this call; answers for how many milliseconds the room left lasts. Fails as the engine does. */
  look(): Promise<number> {
    const look = this.#last.then(() => this.#measure());
    this.#last = look.catch(() => {});
    return look;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopped;
    let pause = SHORTEST_MS;
    while (this.exceeded === undefined) {
      await sleep(pause, undefined, { signal, ref: false });
      const started = performance.now();
      // an engine that does not answer fails whatever else is asked of the container: nothing to tell from here
      const room = await this.look().catch(() => LONGEST_MS);
      const took = performance.now() - started;
      pause = Math.max(SHORTEST_MS, took, Math.min(LONGEST_MS, room));
    }
  }

  async #measure(): Promise<number> {
    const { diskMb, inodes } = this.#limits;
    const started = performance.now();
    const bytes = await this.#layer.bytes();
    this.bytes = bytes;
    if (bytes > diskMb * MIB) return this.#exceed("disk", `used more than ${diskMb} MB of disk`);
    const at = performance.now();
    const grown = this.#counted.files + (at - this.#counted.at) * FILES_PER_MS;
    let files = Math.min((at - started) * WALKED_PER_MS, grown);
    if (files > inodes && at - this.#counted.at > 3 * this.#counted.took) {
      files = await this.#layer.files(inodes);
      this.#counted = { files, at, took: performance.now() - at };
      if (files > inodes) return this.#exceed("inodes", `made more than ${inodes} files`);
    }
    return Math.min(
      (diskMb * MIB - bytes) / BYTES_PER_MS,
      Math.max(0, inodes - files) / FILES_PER_MS,
    );
  }

  #exceed(limit: Exceeded["limit"], what: string): number {
    if (this.exceeded === undefined && !this.#stopped.signal.aborted) {
      this.exceeded = { limit, message: `${what} beyond what its image holds` };
      this.#onExceeded(this.exceeded);
    }
    return 0;
  }
}
