import { setTimeout as sleep } from "node:timers/promises";
import { InfrastructureError } from "@headrace/domain";
import type { Exceeded } from "./disk-watch.ts";

type Amount = { free: number; total: number };

/** The disk that all of an engine's containers write to. */
export type Space = { bytes: Amount; files: Amount };

/** What of that disk nobody's sandbox may take: bytes and files. */
export type Reserve = { bytes: number; files: number };

/** A sandbox, gate or set-up that can be ended for want of disk. */
export type Writer = {
  readonly diskMb: number;
  /** roughly how many bytes it put on the disk of late, seen or unseen */
  weight(): Promise<number>;
  /** the bytes that the engine counts as its own */
  size(): Promise<number>;
  /** Kills it; `judged` says what it is told: what it passed, or rejects with what befell it. */
  end(judged: Promise<Exceeded>): Promise<void>;
  remove(): Promise<void>;
};

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const LEAST_BYTES = 2 * GIB;
const MOST_BYTES = 10 * GIB;
const MOST_FILES = 200_000;
const SHARE = 0.05;

/** The fastest that all containers together are taken to write. */
const BYTES_PER_MS = 2 * MIB;
const FILES_PER_MS = 100;
const SHORTEST_MS = 250;
const LONGEST_MS = 5000;
/** What was killed gives back the files it held open within moments. */
const SETTLE_MS = 3000;
const REST_MS = 60_000;

/** 5 % of the disk, at least 2 GiB and at most 10, and 5 % of its files. */
const reserveOf = ({ bytes, files }: Space): Reserve => ({
  bytes: Math.min(MOST_BYTES, Math.max(LEAST_BYTES, bytes.total * SHARE)),
  // some file systems have as many files as there is room for, and say that they have none
  files: Math.min(MOST_FILES, files.total * SHARE),
});

type Options = {
  look(): Promise<Space>;
  /** nobody looks for the time being */
  rest(): Promise<void>;
  writers(): readonly Writer[];
  reserve: Partial<Reserve> | undefined;
  onWarning(message: string): void;
};

/**
 * Keeps a reserve free on the engine's disk. Each container's own limit is measured by what the engine sees of it, and
 * it does not see files that are deleted and held open; nor do all the limits together fit on every disk. Below the
 * reserve nothing is begun, and what writes most is ended, one after the other, until there is room again.
 */
export class DiskFloor {
  readonly #options: Options;
  #held = 0;
  #watching = false;
  #resting: NodeJS.Timeout | undefined;
  #last: Space | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Looks after the disk until `room` is given back; throws `InfrastructureError` where too little of it is free. */
  async guard(room: Disposable): Promise<Disposable> {
    this.#hold();
    using stack = new DisposableStack();
    stack.use(room);
    stack.defer(() => this.#release());
    const space = await this.#look();
    if (this.#room(space) <= 0) throw this.#full(space);
    if (!this.#watching) void this.#watch();
    return stack.move();
  }

  /** The most that everything on the disk together may take of it, in MiB; looks at the disk the first time. */
  async mostMb(): Promise<number> {
    const space = this.#last ?? (await this.#lookOnce());
    return Math.max(0, Math.floor((space.bytes.total - this.#reserve(space).bytes) / MIB));
  }

  close(): void {
    clearTimeout(this.#resting);
  }

  #hold(): void {
    this.#held += 1;
    clearTimeout(this.#resting);
  }

  #release(): void {
    this.#held -= 1;
    if (this.#held > 0) return;
    const rest = () => void this.#options.rest();
    this.#resting = setTimeout(rest, REST_MS).unref();
  }

  async #watch(): Promise<void> {
    this.#watching = true;
    let pause = SHORTEST_MS;
    while (this.#held > 0) {
      await sleep(pause, undefined, { ref: false });
      // an engine that does not answer fails whatever else is asked of it
      pause = this.#held > 0 ? await this.#tend().catch(() => LONGEST_MS) : 0;
    }
    this.#watching = false;
  }

  async #look(): Promise<Space> {
    this.#last = await this.#options.look();
    return this.#last;
  }

  /** A look while nobody may hold the disk. */
  async #lookOnce(): Promise<Space> {
    this.#hold();
    try {
      return await this.#look();
    } finally {
      this.#release();
    }
  }

  #reserve(space: Space): Reserve {
    return { ...reserveOf(space), ...this.#options.reserve };
  }

  /** One look, and the end of one writer where there is no room left; answers when to look again. */
  async #tend(): Promise<number> {
    const space = await this.#look();
    const lasts = this.#room(space);
    if (lasts <= 0) {
      const writer = await heaviest(this.#options.writers());
      if (writer !== undefined) await this.#end(writer, space);
    }
    return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, lasts));
  }

  /** For how many milliseconds what is free above the reserve lasts at least; 0 where there is none. */
  #room(space: Space): number {
    const reserve = this.#reserve(space);
    const bytes = Math.max(0, space.bytes.free - reserve.bytes) / BYTES_PER_MS;
    if (space.files.total === 0) return bytes;
    return Math.min(bytes, Math.max(0, space.files.free - reserve.files) / FILES_PER_MS);
  }

  async #end(writer: Writer, before: Space): Promise<void> {
    const judged = Promise.withResolvers<Exceeded>();
    judged.promise.catch(() => {});
    const seen = await writer.size().catch(() => 0);
    const full = this.#full(before, "a sandbox was ended because ");
    try {
      await writer.end(judged.promise);
      const after = await this.#settled();
      const hidden = after.bytes.free - before.bytes.free;
      if (seen + hidden > writer.diskMb * MIB) judged.resolve(outgrown(writer.diskMb));
      else this.#options.onWarning(full.message);
      // what it wrote goes with it, and its owner may ask for it much later
      if (this.#room(after) <= 0) await writer.remove();
    } finally {
      judged.reject(full);
    }
  }

  /** The disk once there is room again, or after a while. */
  async #settled(): Promise<Space> {
    const late = performance.now() + SETTLE_MS;
    for (;;) {
      await sleep(SHORTEST_MS);
      const space = await this.#look();
      if (this.#room(space) > 0 || performance.now() > late) return space;
    }
  }

  #full(space: Space, so = ""): InfrastructureError {
    const { bytes, files } = space;
    const kept = this.#reserve(space);
    const isFull = bytes.free <= kept.bytes;
    const why = isFull
      ? `${gib(bytes.free)} of ${gib(bytes.total)} are free, and ${gib(kept.bytes)} have to be`
      : `${files.free} of ${files.total} files are free, and ${Math.round(kept.files)} have to be`;
    return new InfrastructureError(
      `${so}the container engine's disk is nearly full (${why}): free some of it (docker system df shows what is on it, ` +
        "docker system prune removes what nothing uses), or enlarge it (Docker Desktop: Settings, Resources)",
    );
  }
}

const heaviest = async (writers: readonly Writer[]): Promise<Writer | undefined> => {
  const weighed = await Promise.all(
    writers.map(async (writer) => ({ writer, weight: await writer.weight().catch(() => 0) })),
  );
  return weighed.toSorted((a, b) => b.weight - a.weight)[0]?.writer;
};

const outgrown = (diskMb: number): Exceeded => ({
  limit: "disk",
  message: `held more than ${diskMb} MB of disk, in files that were deleted and still open among others`,
});

const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`;
