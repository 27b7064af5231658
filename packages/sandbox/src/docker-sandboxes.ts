import {
  type EngineInfo,
  type Environment,
  type EnvironmentSpec,
  type GateEnd,
  type GateSpec,
  InfrastructureError,
  LABELS,
  type Sandbox,
  type Sandboxes,
  type SandboxLabels,
  type SandboxMeans,
  type SandboxSpec,
  type SandboxWatch,
  UserError,
} from "@headrace/domain";
import type Docker from "dockerode";
import type { Room } from "./admission.ts";
import { startSandbox } from "./agent-sandbox.ts";
import type { Container } from "./container.ts";
import { Containers, type Wanted } from "./containers.ts";
import { type Prepared, prepareImage } from "./custom-image.ts";
import type { Reserve } from "./disk-floor.ts";
import { buildImage, buildKey } from "./dockerfile.ts";
import type { Egress, EgressSession } from "./egress/types.ts";
import { connect, type EngineAddress } from "./engine.ts";
import { describeEngine } from "./engine-info.ts";
import { Entrance } from "./entrance.ts";
import { buildEnvironment, environmentKey, findEnvironment } from "./environment.ts";
import { evictImages, KEEP, type Keep } from "./evict.ts";
import { putBeside, withCollected } from "./gate-files.ts";
import { TRIAL_LIMITS, tryGvisor } from "./gvisor.ts";
import { findImage } from "./images.ts";
import { WORKSPACE } from "./profile.ts";
import { runToEnd } from "./run-to-end.ts";
import { startServices } from "./service-group.ts";
import { type NetworkUse, networkEnv, networkFiles } from "./setup-files.ts";
import { onShutdown } from "./shutdown.ts";
import { SUPERVISOR_COMMAND } from "./supervisor-files.ts";
import { Turns } from "./turns.ts";
import { type LiveSandbox, WarmPool } from "./warm-pool.ts";

export type DockerSandboxesOptions = {
  engine: EngineAddress;
  /** name of the image `npm run setup` built */
  baseImage: string;
  /** this installation */
  owner: string;
  /** this process; containers of other boots of the owner are left over */
  boot: string;
  /** the only way out for phases with a network; without it they have none */
  egress?: Egress;
  /** the host's bundle of certificates, by which those phases trust what the proxy tunnels to */
  ca?: { pem: string };
  /** which environments' images `evict` leaves; the defaults are `KEEP`'s */
  keep?: Partial<Keep>;
  /** what of the engine's disk stays free; absent: what `DiskFloor` takes of a disk of its size */
  reserve?: Partial<Reserve>;
  onWarning: (message: string) => void;
};

const HELD_MS = 24 * 60 * 60_000;

/**
 * Runs a gate with one stream for all it prints, in order. Engines lose the word of an out-of-memory kill now and then
 * when a container ends right after it (1 in 40 on Docker 20.10): so the kernel's own count is asked as well, and can
 * only turn a pass into a failure.
 */
const GATE = `/bin/sh -c "$1" 2>&1
code=$?
{ grep -qs '^oom_kill [1-9]' /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events; } 2>/dev/null && exit 137
exit $code`;

/** Sandboxes on a Docker engine, reached through its API alone, so it may be on another machine. */
export const createDockerSandboxes = (options: DockerSandboxesOptions): Sandboxes =>
  new DockerSandboxes(options);

class DockerSandboxes implements Sandboxes {
  readonly #options: DockerSandboxesOptions;
  readonly #docker: Docker;
  readonly #containers: Containers;
  /** the environment being built under each key: a second asker waits, and finds it */
  readonly #building = new Turns();
  readonly #warm = new WarmPool((spec) => this.#startAhead(spec));
  /** when images were last asked for: who asked may not have made a container of them yet */
  readonly #asked = new Map<string, number>();
  readonly #forget: () => void;
  readonly #entrance: Entrance;
  #info: EngineInfo | undefined;
  #gvisorHolds = false;

  constructor(options: DockerSandboxesOptions) {
    this.#options = options;
    this.#docker = connect(options.engine);
    this.#containers = new Containers(this.#docker, options);
    this.#entrance = new Entrance({
      describe: async () => this.#info ?? (await this.describe()),
      containers: this.#containers,
      baseImage: options.baseImage,
      reserve: options.reserve,
      onWarning: options.onWarning,
      onShortage: () => void this.#warm.drain(),
    });
    this.#forget = onShutdown(() => this.#containers.close());
  }

  async describe(): Promise<EngineInfo> {
    this.#info = await describeEngine(this.#docker);
    return this.#info;
  }

  affordable(asked: SandboxMeans): Promise<SandboxMeans> {
    return this.#entrance.affordable(asked);
  }

  async environment(
    spec: EnvironmentSpec,
    watch: SandboxWatch,
    signal?: AbortSignal,
  ): Promise<Environment> {
    const started = performance.now();
    const { limits } = await this.#entrance.affordable(spec);
    const start = await this.#startImage({ ...spec, limits }, watch, signal);
    const built = async (image: string, cached: boolean, log = "") => {
      for (const used of [start.image, image]) this.#asked.set(used, Date.now());
      const env = (await findImage(this.#docker, image))?.env ?? {};
      const durationMs = Math.round(performance.now() - started);
      return { image, cached, log: start.log + log, durationMs, env };
    };
    if (spec.setup.length === 0) return built(start.image, start.cached);
    const { egress, ca } = this.#options;
    const key = environmentKey(start.image, spec, egress?.client);
    return this.#building.take(key, async () => {
      const found = await findEnvironment(this.#docker, key);
      if (found !== undefined) return built(found, true);
      using room = await this.#entrance.enter({ limits, run: spec.run ?? "" }, signal);
      const setup = {
        image: start.image,
        key,
        cpuShares: room.cpuShares,
        spec: { ...spec, limits },
        egress,
        ca,
        watch,
        signal,
      };
      const log = await buildEnvironment(this.#containers, setup);
      const made = await findEnvironment(this.#docker, key);
      if (made !== undefined) return built(made, false, log);
      throw new InfrastructureError("the environment's image vanished as soon as it was built");
    });
  }

  async open(spec: SandboxSpec, signal?: AbortSignal): Promise<Sandbox> {
    const warm = await this.#warm.take(spec);
    if (warm !== undefined && !signal?.aborted) return warm;
    await warm?.[Symbol.asyncDispose]();
    signal?.throwIfAborted();
    const given = await this.#entrance.affordable(spec);
    const room = await this.#entrance.enter({ ...given, run: spec.labels.run }, signal);
    return this.#openIn(room, { ...spec, ...given }, signal);
  }

  async runGate(spec: GateSpec, signal?: AbortSignal): Promise<GateEnd> {
    const given = await this.#entrance.affordable(spec);
    const command = ["/bin/sh", "-c", GATE, "sh", spec.command];
    const wanted = { phase: "gate", command, ...given } as const;
    const room = await this.#entrance.enter({ ...given, run: spec.labels.run }, signal);
    await using container = await this.#create(room, { ...spec, ...wanted }, signal);
    await container.put(spec.tar, WORKSPACE, signal);
    if (spec.beside !== undefined) await putBeside(container, spec.beside, signal);
    return await withCollected(container, spec, await runToEnd(container, spec, signal), signal);
  }

  warm(spec: SandboxSpec): void {
    this.#warm.warm(spec);
  }

  async evict(): Promise<number> {
    const since = Date.now() - HELD_MS;
    for (const [image, at] of this.#asked) if (at < since) this.#asked.delete(image);
    return evictImages(
      this.#docker,
      { ...KEEP, ...this.#options.keep },
      new Set(this.#asked.keys()),
    );
  }

  reap(): Promise<number> {
    return this.#containers.reap();
  }

  async close(): Promise<void> {
    await this.#warm.close();
    this.#entrance.close();
    await this.#containers.close();
    this.#forget();
  }

  async #startAhead(spec: SandboxSpec): Promise<LiveSandbox | undefined> {
    const { limits } = await this.#entrance.affordable(spec);
    const room = await this.#entrance.enterFree({ limits, run: spec.labels.run });
    return room && this.#openIn(room, { ...spec, limits });
  }

  async #openIn(room: Room, spec: SandboxSpec, signal?: AbortSignal): Promise<LiveSandbox> {
    const { network, limits, ...rest } = spec;
    const use = network && this.#network();
    const env = use ? { ...networkEnv(use), ...spec.env } : spec.env;
    const wanted = { phase: "agent", command: SUPERVISOR_COMMAND, limits, env: {} } as const;
    const container = await this.#create(room, { ...rest, ...wanted }, signal);
    const session = network && this.#session(network);
    const files = use && networkFiles(use);
    return startSandbox(container, { limits, env, files, session, signal });
  }

  /** Creates the container of a sandbox or gate, whose services run by then; they and its room go with it. */
  async #create(
    room: Room,
    spec: Pick<SandboxSpec, "image" | "env" | "labels" | "isolation" | "services"> &
      Pick<Wanted, "phase" | "command" | "limits">,
    signal: AbortSignal | undefined,
  ): Promise<Container> {
    const { phase, command, image, env, limits, isolation, services = [] } = spec;
    // services work for their sandbox alone: its shares are theirs too
    const cpuShares = Math.ceil(room.cpuShares / (1 + services.length));
    const common = { image, limits, cpuShares, isolation, labels: labels(spec.labels) };
    const own = { ...common, phase, command, env };
    await using company = new AsyncDisposableStack();
    company.use(room);
    const engine = { docker: this.#docker, containers: this.#containers };
    const group =
      services.length > 0
        ? company.use(await startServices(engine, { ...common, services }, signal))
        : undefined;
    const joined = group === undefined ? own : { ...own, joins: group.holder };
    const container = await this.#containers.create(joined, signal);
    container.accompany(company.move(), group?.services ?? []);
    return container;
  }

  #network(): NetworkUse {
    return { egress: this.#options.egress, ca: this.#options.ca };
  }

  #session(network: NonNullable<SandboxSpec["network"]>): EgressSession | undefined {
    const { phase = "research", hosts, onRequest = () => {} } = network;
    return this.#options.egress?.session({ phase, hosts, onRequest });
  }

  /** The image that set-up starts from: this installation's own, or a custom one made fit. */
  async #startImage(
    spec: EnvironmentSpec,
    watch: SandboxWatch,
    signal: AbortSignal | undefined,
  ): Promise<Prepared & { log: string }> {
    const base = await findImage(this.#docker, this.#options.baseImage);
    if (base === undefined) {
      throw new UserError(
        `the base sandbox image ${this.#options.baseImage} is not on this engine`,
        "build it: npm run setup",
      );
    }
    const { build, limits, isolation, timeoutMs, run = "" } = spec;
    if (isolation?.runtime === "gvisor") await this.#tryGvisor(base.id, run, signal);
    const enter = () => this.#entrance.enter({ limits, run }, signal);
    const common = { limits, isolation, enter };
    const made =
      build &&
      (await this.#building.take(buildKey(build), () =>
        buildImage(this.#docker, build, { ...common, timeoutMs, watch, signal }),
      ));
    const reference = made?.reference ?? spec.image;
    const log = made?.log ?? "";
    if (reference === undefined) return { image: base.id, cached: true, log };
    const engine = { docker: this.#docker, containers: this.#containers };
    const prepared = await this.#building.take(reference, () =>
      prepareImage(engine, { ...common, reference, base }, signal),
    );
    return { ...prepared, log };
  }

  /** Once, if it holds: every sandbox's environment comes before the sandbox. */
  async #tryGvisor(image: string, run: string, signal: AbortSignal | undefined): Promise<void> {
    await this.#building.take("gvisor", async () => {
      if (this.#gvisorHolds) return;
      using _room = await this.#entrance.enter({ limits: TRIAL_LIMITS, run }, signal);
      await tryGvisor(this.#containers, image, signal);
      this.#gvisorHolds = true;
    });
  }
}

const labels = ({ run, step }: SandboxLabels) => ({ [LABELS.run]: run, [LABELS.step]: step });
