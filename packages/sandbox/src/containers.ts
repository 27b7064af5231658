import { randomBytes } from "node:crypto";
import { LABELS, PRODUCT } from "@headrace/domain";
import type Docker from "dockerode";
import { Container, removeContainer } from "./container.ts";
import { bounded } from "./engine.ts";
import { type ContainerSpec, containerConfig } from "./profile.ts";

const CREATE_MS = 120_000;
const LIST_MS = 60_000;

/** Which installation and which of its processes containers belong to. */
export type Owner = { owner: string; boot: string };

/** Creates this process's containers, knows which are alive, and removes them and those of dead processes. */
export class Containers {
  readonly #docker: Docker;
  readonly #owner: Owner;
  readonly #alive = new Set<Container>();

  constructor(docker: Docker, owner: Owner) {
    this.#docker = docker;
    this.#owner = owner;
  }

  async create(spec: ContainerSpec, signal?: AbortSignal): Promise<Container> {
    const { owner, boot } = this.#owner;
    // a name of our own finds the container again should the engine's answer never arrive
    const name = `${PRODUCT}-${spec.phase}-${randomBytes(8).toString("hex")}`;
    const labels = { ...spec.labels, [LABELS.owner]: owner, [LABELS.boot]: boot };
    const config = { name, ...containerConfig({ ...spec, labels }) };
    try {
      const { id } = await bounded({ to: "create a container", ms: CREATE_MS, signal }, () =>
        this.#docker.createContainer(config),
      );
      const container: Container = new Container(this.#docker, id, () =>
        this.#alive.delete(container),
      );
      this.#alive.add(container);
      return container;
    } catch (error) {
      await removeContainer(this.#docker, name).catch(() => {});
      throw error;
    }
  }

  /** Removes containers that earlier boots of this owner left behind; returns how many. */
  async reap(): Promise<number> {
    const filters = { label: [`${LABELS.owner}=${this.#owner.owner}`] };
    const found = await bounded({ to: "list containers", ms: LIST_MS }, (abortSignal) =>
      this.#docker.listContainers({ all: true, filters, abortSignal }),
    );
    const left = found.filter(({ Labels }) => Labels[LABELS.boot] !== this.#owner.boot);
    await Promise.all(left.map(({ Id }) => removeContainer(this.#docker, Id)));
    return left.length;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#alive].map((container) => container[Symbol.asyncDispose]()));
  }
}
