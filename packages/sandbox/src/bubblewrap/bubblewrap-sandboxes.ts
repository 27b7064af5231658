import { arch, availableParallelism, type as osType, release, totalmem } from "node:os";
import {
  type EngineInfo,
  type Environment,
  type EnvironmentSpec,
  type GateEnd,
  type GateSpec,
  type Isolation,
  type Sandbox,
  type Sandboxes,
  type SandboxMeans,
  type SandboxSpec,
  type SandboxWatch,
  UserError,
} from "@headrace/domain";
import { startSandbox } from "../agent-sandbox.ts";
import type { Egress } from "../egress/types.ts";
import type { Keep } from "../evict.ts";
import { isCollected } from "../gate-files.ts";
import { HOME, WORKSPACE } from "../profile.ts";
import { runToEnd } from "../run-to-end.ts";
import { type NetworkUse, networkEnv, networkFiles } from "../setup-files.ts";
import { onShutdown } from "../shutdown.ts";
import { SUPERVISOR_COMMAND } from "../supervisor-files.ts";
import type { BubblewrapMachine } from "./bubblewrap-machine.ts";
import { BUBBLEWRAP_DIFFERENCES } from "./differences.ts";
import { Environments } from "./environments.ts";
import { type Host, prepareHost } from "./host.ts";
import { isRoot, type Jail } from "./jail.ts";
import { Rooms } from "./rooms.ts";

export type BubblewrapSandboxesOptions = {
  /** where sandboxes and environments lie, in this installation's data directory */
  folder: string;
  /** this installation */
  owner: string;
  /** this process; sandboxes of other boots of the owner are left over */
  boot: string;
  /** the network of set-up and research; undefined: they have none */
  egress?: Egress;
  /** the host's bundle of certificates, given to set-up commands */
  ca?: { pem: string };
  /** which environments `evict` leaves; the defaults are `KEEP`'s */
  keep?: Partial<Keep>;
  onWarning: (message: string) => void;
};

/**
 * Sandboxes of the host's own kernel and programs, for a host without a container engine. To be offered only where
 * `probeBubblewrap` says that they hold.
 */
export const createBubblewrapSandboxes = (options: BubblewrapSandboxesOptions): Sandboxes =>
  new BubblewrapSandboxes(options);

class BubblewrapSandboxes implements Sandboxes {
  readonly #options: BubblewrapSandboxesOptions;
  readonly #rooms: Rooms;
  readonly #use: NetworkUse;
  readonly #environments: Environments;
  readonly #forget: () => void;
  #preparing: Promise<Host> | undefined;

  constructor(options: BubblewrapSandboxesOptions) {
    this.#options = options;
    this.#rooms = new Rooms(options.folder, options);
    const { folder, egress, ca, keep = {} } = options;
    this.#use = { egress, ca };
    this.#environments = new Environments(this.#rooms, { folder, use: this.#use, keep });
    this.#forget = onShutdown(() => this.#rooms.close());
  }

  async describe(): Promise<EngineInfo> {
    const { version } = await this.#host();
    return {
      kind: "bubblewrap",
      version,
      apiVersion: "",
      os: `${osType()} ${release()}`,
      arch: arch(),
      cpus: availableParallelism(),
      memoryBytes: totalmem(),
      rootless: !isRoot(),
      userns: true,
      runtimes: [],
      warnings: [...BUBBLEWRAP_DIFFERENCES],
    };
  }

  async affordable(asked: SandboxMeans): Promise<SandboxMeans> {
    return this.#rooms.affordable(asked);
  }

  async environment(
    spec: EnvironmentSpec,
    watch: SandboxWatch,
    signal?: AbortSignal,
  ): Promise<Environment> {
    refuseImage(spec.image ?? spec.build?.dockerfile);
    refuseIsolation(spec.isolation);
    return this.#environments.get(await this.#host(), this.#rooms.affordable(spec), watch, signal);
  }

  async open(asked: SandboxSpec, signal?: AbortSignal): Promise<Sandbox> {
    const spec = this.#rooms.affordable(asked);
    const { network, limits } = spec;
    const use = network && this.#use;
    const env = use ? { ...networkEnv(use), ...spec.env } : spec.env;
    const machine = await this.#machine("agent", { ...spec, env: {} }, SUPERVISOR_COMMAND, signal);
    const session =
      network &&
      this.#options.egress?.session({
        phase: network.phase ?? "research",
        hosts: network.hosts,
        onRequest: network.onRequest ?? (() => {}),
      });
    const files = use && networkFiles(use);
    const sandbox = await startSandbox(machine, { limits, env, files, session, signal });
    return withOomKills(sandbox, machine);
  }

  async runGate(spec: GateSpec, signal?: AbortSignal): Promise<GateEnd> {
    // the shell becomes the gate's own, with one stream for all it prints, in order
    const command = ["/bin/sh", "-c", 'exec /bin/sh -c "$1" 2>&1', "sh", spec.command];
    const given = this.#rooms.affordable(spec);
    await using machine = await this.#machine("gate", given, command, signal);
    await machine.put(spec.tar, WORKSPACE, signal);
    if (spec.beside !== undefined) await machine.put(spec.beside.tar, spec.beside.path, signal);
    const end = await runToEnd(machine, spec, signal);
    const collected = isCollected(spec, end) ? await machine.collect(spec.collect) : undefined;
    return collected === undefined ? end : { ...end, collected };
  }

  /** A start takes some tens of milliseconds here: nothing is kept ready for it. */
  warm(_spec: SandboxSpec): void {}

  async reap(): Promise<number> {
    return this.#rooms.reap(await this.#host());
  }

  async evict(): Promise<number> {
    return this.#environments.evict();
  }

  async close(): Promise<void> {
    await this.#rooms.close();
    this.#forget();
  }

  /** Prepared at the first use, and again where that failed: what was missing may be there by then. */
  #host(): Promise<Host> {
    this.#preparing ??= prepareHost(this.#options.folder).catch((error) => {
      this.#preparing = undefined;
      throw error;
    });
    return this.#preparing;
  }

  async #machine(
    phase: "agent" | "gate",
    spec: SandboxSpec | GateSpec,
    command: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<BubblewrapMachine> {
    refuseIsolation(spec.isolation);
    refuseServices(spec.services);
    const host = await this.#host();
    const furniture = await this.#environments.find(spec.image);
    const env = { HOME, LANG: "C.UTF-8", ...(phase === "gate" ? { CI: "true" } : {}), ...spec.env };
    const { limits, labels } = spec;
    const beside = "beside" in spec && spec.beside ? besideOf(spec) : undefined;
    const wanted = { phase, command, env, limits, run: labels.run, furniture, beside };
    return this.#rooms.create(host, wanted, signal);
  }
}

/** The supervisor counts kills for want of memory in files that are not in these sandboxes: the group's own tell. */
const withOomKills = (sandbox: Sandbox, machine: BubblewrapMachine): Sandbox => ({
  id: sandbox.id,
  async exec(command, options) {
    const before = await machine.oomKills();
    const result = await sandbox.exec(command, options);
    return { ...result, oomKilled: (await machine.oomKills()) > before };
  },
  checkout: (pack, commit) => sandbox.checkout(pack, commit),
  read: (path, maxBytes) => sandbox.read(path, maxBytes),
  write: (path, bytes) => sandbox.write(path, bytes),
  snapshot: (parent) => sandbox.snapshot(parent),
  [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
});

const besideOf = ({ beside, collect }: GateSpec): Jail["beside"] =>
  beside && { path: beside.path, writable: collect?.path };

const refuseImage = (image: string | undefined): void => {
  if (image === undefined) return;
  throw new UserError(
    `this installation's sandboxes are bubblewrap's, which have no images: ${image}`,
    "remove it from `sandbox`, or install a container engine and remove `sandbox: bubblewrap` from config.yaml",
  );
};

const refuseIsolation = (isolation: Isolation | undefined): void => {
  if (isolation === undefined || isolation.runtime === "default") return;
  throw new UserError(
    "this installation's sandboxes are bubblewrap's, which cannot run under gVisor",
    "remove `isolation.runtime`, or install a container engine that has runsc",
  );
};

const refuseServices = (services: SandboxSpec["services"] = []): void => {
  if (services.length === 0) return;
  const names = services.map(({ name }) => name).join(", ");
  throw new UserError(
    `this installation's sandboxes are bubblewrap's, which have no services: ${names}`,
    "remove `sandbox.services`, or install a container engine",
  );
};
