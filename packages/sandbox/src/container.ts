import type { Duplex, Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { InfrastructureError } from "@headrace/domain";
import type Docker from "dockerode";
import { demux } from "./demux.ts";
import type { Writer } from "./disk-floor.ts";
import { type DiskLimits, DiskWatch, type Exceeded, type Layer } from "./disk-watch.ts";
import { bounded, EngineRefusal } from "./engine.ts";
import { fileTraffic, writableLayer } from "./layer.ts";
import { SANDBOX_USER, variables, WORKSPACE } from "./profile.ts";

const QUICK_MS = 60_000;
/** Archives and commits move whole trees, maybe to a remote engine. */
const BULKY_MS = 600_000;
const POLL_MS = 250;

export type ContainerState = { running: boolean; exitCode: number; oomKilled: boolean };

/**
 * One container, removed when disposed of, and killed when it passes its limits of disk use; every call is bounded and
 * fails with `InfrastructureError`.
 */
export class Container implements AsyncDisposable, Writer {
  readonly id: string;
  readonly #docker: Docker;
  readonly #container: Docker.Container;
  readonly #onRemoved: () => void;
  readonly #disk: DiskWatch;
  /** removed after it, such as the services it uses */
  readonly #company = new AsyncDisposableStack();
  /** servers that work for it alone: what they write is as if it did */
  #services: readonly Container[] = [];
  readonly #limits: DiskLimits;
  readonly #layer: Layer;
  /** what it is told that was ended for want of disk on the engine */
  #judged: Promise<Exceeded> | undefined;
  #removal: Promise<void> | undefined;
  /** whether it was disposed of and could not be removed */
  abandoned = false;

  constructor(docker: Docker, id: string, limits: DiskLimits, onRemoved: () => void) {
    this.id = id;
    this.#docker = docker;
    this.#container = docker.getContainer(id);
    this.#onRemoved = onRemoved;
    this.#limits = limits;
    this.#layer = writableLayer(docker, id);
    // whoever waits for the container's end sees it killed, and asks why
    this.#disk = new DiskWatch(this.#layer, limits, () => void this.kill().catch(() => {}));
  }

  /**
   * Which limit of disk use it passed in all that it wrote; throws `InfrastructureError` where it was ended because the
   * engine's disk was nearly full.
   */
  measure(): Promise<Exceeded | undefined> {
    return this.#judged ?? this.#disk.measure();
  }

  /** Whether it was ended, or is being removed. */
  get isOver(): boolean {
    return this.#judged !== undefined || this.#removal !== undefined;
  }

  get diskMb(): number {
    return this.#limits.diskMb;
  }

  size(): Promise<number> {
    return this.#sum((container) => container.#layer.bytes());
  }

  /** How much its layer grew since it was last looked at, and what it wrote of which the layer tells nothing. */
  weight(): Promise<number> {
    return this.#sum(async (container) => {
      const before = container.#disk.bytes;
      const traffic = await fileTraffic(this.#docker, container.id);
      return (await container.#layer.bytes()) - before + traffic;
    });
  }

  async end(judged: Promise<Exceeded>): Promise<void> {
    this.#judged = judged;
    await Promise.all([this, ...this.#services].map((container) => container.kill()));
  }

  async #sum(amount: (container: Container) => Promise<number>): Promise<number> {
    const amounts = await Promise.all([this, ...this.#services].map(amount));
    return amounts.reduce((sum, one) => sum + one);
  }

  /** Attaches; call it before the start, and nothing of the output is missed. */
  async attach(): Promise<Duplex> {
    const options = { stream: true, stdin: true, stdout: true, stderr: true, hijack: true };
    const stream = await bounded({ to: "attach to a container", ms: QUICK_MS }, () =>
      this.#container.attach(options),
    );
    return stream as Duplex;
  }

  async start(signal?: AbortSignal): Promise<void> {
    await bounded({ to: "start a container", ms: QUICK_MS, signal }, (abortSignal) =>
      this.#container.start({ abortSignal }),
    );
    this.#disk.start();
  }

  /** Resolves when the container has ended by itself or by `kill`; `ms` bounds the wait. */
  async wait(ms: number): Promise<void> {
    await bounded({ to: "wait for a container's end", ms }, (abortSignal) =>
      this.#container.wait({ abortSignal }),
    );
  }

  async inspect(): Promise<ContainerState> {
    const { State } = await bounded({ to: "inspect a container", ms: QUICK_MS }, (abortSignal) =>
      this.#container.inspect({ abortSignal }),
    );
    return { running: State.Running, exitCode: State.ExitCode, oomKilled: State.OOMKilled };
  }

  /** Extracts a tar at `path`; entries keep the owner their header names. */
  async put(tar: Uint8Array, path: string, signal?: AbortSignal): Promise<void> {
    const body = Buffer.from(tar.buffer, tar.byteOffset, tar.byteLength);
    await bounded({ to: "put files into a container", ms: BULKY_MS, signal }, (abortSignal) =>
      this.#container.putArchive(body, { path, abortSignal }),
    );
  }

  /** A file or folder as a tar, which is hostile: never to be extracted on this host. */
  async get(path: string, signal?: AbortSignal): Promise<Readable> {
    const stream = await bounded({ to: "read files of a container", ms: QUICK_MS, signal }, () =>
      this.#container.getArchive({ path }),
    );
    return stream as Readable;
  }

  /** Runs one program and resolves with its exit code; on abort it is left running: kill the container. */
  async exec(
    command: readonly string[],
    options: {
      env: Readonly<Record<string, string>>;
      onOutput: (chunk: Buffer) => void;
      signal: AbortSignal;
      /** whose user and folder: absent, the sandbox's own; `image`, those that the image names */
      as?: "image";
    },
  ): Promise<number | null> {
    const { env, onOutput, signal, as } = options;
    const exec = await bounded({ to: "prepare a command", ms: QUICK_MS, signal }, () =>
      this.#container.exec({
        Cmd: [...command],
        Env: variables(env),
        ...(as === "image" ? {} : { User: SANDBOX_USER, WorkingDir: WORKSPACE }),
        AttachStdout: true,
        AttachStderr: true,
      }),
    );
    const stream = await bounded({ to: "run a command", ms: QUICK_MS, signal }, () =>
      exec.start({ hijack: true, stdin: false }),
    );
    await drain(stream, onOutput, signal);
    for (;;) {
      const facts = await bounded({ to: "inspect a command", ms: QUICK_MS, signal }, () =>
        exec.inspect(),
      );
      if (!facts.Running) return facts.ExitCode;
      // it closed its output and works on
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  async commit(options: { repo: string; tag: string; changes: string[] }): Promise<void> {
    await bounded({ to: "commit an image", ms: BULKY_MS }, (abortSignal) =>
      this.#container.commit({ ...options, abortSignal }),
    );
  }

  async kill(): Promise<void> {
    const ended = [404, 409];
    await ignoring(ended, () =>
      bounded({ to: "kill a container", ms: QUICK_MS }, () => this.#container.kill()),
    );
  }

  /** Removes the container, running or not; a second call waits for the first. */
  remove(): Promise<void> {
    this.#disk.stop();
    this.#removal ??= removeContainer(this.#docker, this.id).then(this.#onRemoved, (error) => {
      this.#removal = undefined;
      throw error;
    });
    return this.#removal;
  }

  /** Has `companion` removed once this container is; `services` are containers among it. */
  accompany(companion: AsyncDisposable, services: readonly Container[]): void {
    this.#company.use(companion);
    this.#services = services;
  }

  /** Never fails, so as not to hide what went wrong before: what cannot be removed now is left to the reaper. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove().catch(() => {
      this.abandoned = true;
    });
    await this.#company.disposeAsync();
  }
}

export const removeContainer = async (docker: Docker, id: string): Promise<void> => {
  const container = docker.getContainer(id);
  const bound = { to: "remove a container", ms: QUICK_MS };
  try {
    await bounded(bound, (abortSignal) => container.remove({ force: true, v: true, abortSignal }));
  } catch (error) {
    if (!(error instanceof EngineRefusal)) throw error;
    if (error.status === 404) return;
    if (error.status !== 409) throw error;
    // the engine is removing it already
    const condition = "removed";
    await ignoring([404], () =>
      bounded(bound, (abortSignal) => container.wait({ condition, abortSignal })),
    );
  }
};

/** Feeds the output on `stream` to `onOutput` until it ends or `signal` aborts, with whose reason it then throws. */
const drain = async (
  stream: Duplex,
  onOutput: (chunk: Buffer) => void,
  signal: AbortSignal,
): Promise<void> => {
  const abort = () => stream.destroy(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    demux(stream, (_, chunk) => onOutput(chunk));
    await finished(stream, { writable: false });
  } catch (cause) {
    signal.throwIfAborted();
    throw new InfrastructureError("the container engine broke off a command's output", { cause });
  } finally {
    signal.removeEventListener("abort", abort);
    stream.destroy();
  }
};

const ignoring = async (statuses: readonly number[], call: () => Promise<unknown>) => {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof EngineRefusal && statuses.includes(error.status))) throw error;
  }
};
