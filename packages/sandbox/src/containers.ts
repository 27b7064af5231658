import { randomBytes } from "node:crypto";
import { type Isolation, LABELS, PRODUCT } from "@headrace/domain";
import type Docker from "dockerode";
import { Container, removeContainer } from "./container.ts";
import { bounded } from "./engine.ts";
import { describeEngine, type EngineFacts } from "./engine-info.ts";
import { findImage } from "./images.ts";
import { wallsOf } from "./isolation.ts";
import { type ContainerSpec, containerConfig, type Phase } from "./profile.ts";

const CREATE_MS = 120_000;
const LIST_MS = 60_000;
/** Services count as what they work for. */
const WORK: ReadonlySet<Phase> = new Set(["agent", "gate", "setup", "prepare"]);

/** Which installation and which of its processes containers belong to. */
export type Owner = { owner: string; boot: string };

/** What is asked for; the walls follow from policy and engine. */
export type Wanted = Omit<ContainerSpec, "walls" | "volumes"> & {
  isolation?: Isolation | undefined;
};

/** Creates this process's containers, knows which are alive, and removes them and those of dead processes. */
export class Containers {
  readonly #docker: Docker;
  readonly #owner: Owner;
  readonly #alive = new Map<Container, Phase>();
  /** names of containers whose creation was not answered: the engine may still make them */
  readonly #unanswered = new Set<string>();
  /** of images by the id by which sandboxes name them */
  readonly #volumes = new Map<string, readonly string[]>();
  #engine: Promise<EngineFacts> | undefined;

  constructor(docker: Docker, owner: Owner) {
    this.#docker = docker;
    this.#owner = owner;
  }

  /** Throws `UserError` where the engine lacks the walls that policy asks for. */
  async create(spec: Wanted, signal?: AbortSignal): Promise<Container> {
    const { owner, boot } = this.#owner;
    const walls = wallsOf(spec.isolation, await this.#facts());
    // a name of our own finds the container again should the engine's answer never arrive
    const name = `${PRODUCT}-${spec.phase}-${randomBytes(8).toString("hex")}`;
    const labels = { ...spec.labels, [LABELS.owner]: owner, [LABELS.boot]: boot };
    const volumes = await this.#volumesOf(spec.image);
    const config = { name, ...containerConfig({ ...spec, labels, walls, volumes }) };
    signal?.throwIfAborted();
    try {
      // not cut by the signal: what the engine goes on to create after an abort could not be removed
      const { id } = await bounded({ to: "create a container", ms: CREATE_MS }, () =>
        this.#docker.createContainer(config),
      );
      const container: Container = new Container(this.#docker, id, spec.limits, () =>
        this.#alive.delete(container),
      );
      this.#alive.set(container, spec.phase);
      if (signal?.aborted) await container[Symbol.asyncDispose]();
      else return container;
    } catch (error) {
      this.#unanswered.add(name);
      await removeContainer(this.#docker, name).catch(() => {});
      throw error;
    }
    throw signal.reason;
  }

  /** What holds work of others and may fill the engine's disk with it. */
  writers(): Container[] {
    const working = [...this.#alive].filter(([{ isOver }, phase]) => !isOver && WORK.has(phase));
    return working.map(([container]) => container);
  }

  /** Asked once: an engine that was restarted with other walls refuses what it no longer has. */
  #facts(): Promise<EngineFacts> {
    this.#engine ??= describeEngine(this.#docker).catch((error) => {
      this.#engine = undefined;
      throw error;
    });
    return this.#engine;
  }

  async #volumesOf(image: string): Promise<readonly string[]> {
    const known = this.#volumes.get(image);
    if (known !== undefined) return known;
    const found = await findImage(this.#docker, image);
    // a name can come to mean another image, an id cannot
    if (found?.id === image) this.#volumes.set(image, found.volumes);
    return found?.volumes ?? [];
  }

  /**
   * Removes containers that earlier boots of this owner left behind, and those of this one that nobody can hold: made
   * after their creation was given up, or not removed when they were disposed of. Returns how many.
   */
  async reap(): Promise<number> {
    const filters = { label: [`${LABELS.owner}=${this.#owner.owner}`] };
    const found = await bounded({ to: "list containers", ms: LIST_MS }, (abortSignal) =>
      this.#docker.listContainers({ all: true, filters, abortSignal }),
    );
    const unanswered = (names: readonly string[]) =>
      names.some((name) => this.#unanswered.has(name.replace(/^\//, "")));
    const left = found.filter(
      ({ Labels, Names }) => Labels[LABELS.boot] !== this.#owner.boot || unanswered(Names),
    );
    const abandoned = [...this.#alive.keys()].filter((container) => container.abandoned);
    await Promise.all([
      ...left.map(({ Id }) => removeContainer(this.#docker, Id)),
      ...abandoned.map((container) => container.remove()),
    ]);
    return left.length + abandoned.length;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#alive.keys()].map((container) => container[Symbol.asyncDispose]()));
  }
}
