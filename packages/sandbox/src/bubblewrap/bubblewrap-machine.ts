import { join } from "node:path";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { type Collected, type GateSpec, InfrastructureError } from "@headrace/domain";
import { collectFolder } from "../collect.ts";
import type { ContainerState } from "../container.ts";
import { DiskWatch, type Exceeded } from "../disk-watch.ts";
import type { Machine } from "../machine.ts";
import type { Cgroup } from "./cgroups.ts";
import type { Host } from "./host.ts";
import { besideOnHost, type Jail } from "./jail.ts";
import { type JailedProcess, openFifo, startJailed } from "./jailed-process.ts";
import { JoinedStream } from "./joined-stream.ts";
import { layerOf, removeTree, type Size } from "./room.ts";
import { OUTPUT, SetupCommands } from "./setup-commands.ts";

export type MachineSpec = {
  id: string;
  host: Host;
  cgroup: Cgroup;
  /** its room exists and is the machine's from now on */
  jail: Jail;
  command: readonly string[];
  /** what of its disk use its environment brought along */
  brought: Size;
  onRemoved: () => void;
};

/** One sandbox of bwrap: a room on the host's disk, a group with limits, and the process that runs in them. */
export class BubblewrapMachine implements Machine {
  readonly id: string;
  readonly #spec: MachineSpec;
  readonly #stream = new JoinedStream();
  readonly #disk: DiskWatch;
  #process: JailedProcess | undefined;
  #setup: SetupCommands | undefined;
  #state: { running: boolean; exitCode: number | undefined } = {
    running: false,
    exitCode: undefined,
  };
  #killed = false;
  #oomKills = 0;
  #removal: Promise<void> | undefined;

  constructor(spec: MachineSpec) {
    this.id = spec.id;
    this.#spec = spec;
    this.#disk = new DiskWatch(
      layerOf(spec.jail.room, spec.brought, () => spec.cgroup.processes()),
      spec.jail.limits,
      () => void this.kill().catch(() => {}),
    );
  }

  get room(): string {
    return this.#spec.jail.room;
  }

  measure(): Promise<Exceeded | undefined> {
    return this.#disk.measure();
  }

  async attach(): Promise<Duplex> {
    return this.#stream;
  }

  /** Extracts a tar in the sandbox itself: whatever links it holds or finds, they lead nowhere else. */
  async put(tar: Uint8Array, path: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const filling = await startJailed({
      ...this.#spec,
      jail: { ...this.#spec.jail, phase: "filling" },
      command: ["tar", "-x", "-p", "--no-same-owner", "-C", path, "-f", "-"],
      stdin: true,
    });
    signal?.addEventListener("abort", filling.kill, { once: true });
    try {
      filling.stdin?.on("error", () => {});
      filling.stdin?.end(tar);
      const [code] = await Promise.all([filling.ended, buffer(filling.stdout)]);
      signal?.throwIfAborted();
      if (code === 0) return;
      throw new InfrastructureError(`files cannot be put into a sandbox: ${filling.said()}`);
    } finally {
      signal?.removeEventListener("abort", filling.kill);
    }
  }

  /** What it left in a folder below `beside`, once it has ended. */
  collect({ path, ...limits }: NonNullable<GateSpec["collect"]>): Promise<Collected | undefined> {
    return collectFolder(besideOnHost(this.#spec.jail, path), limits);
  }

  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { jail } = this.#spec;
    if (jail.phase === "setup") {
      this.#setup = new SetupCommands(await openFifo(join(this.room, "factory", OUTPUT)));
    }
    const process = await startJailed({ ...this.#spec, stdin: jail.phase !== "gate" });
    this.#process = process;
    this.#state.running = true;
    process.ended.then(
      (exitCode) => this.#end(exitCode),
      () => this.#end(undefined),
    );
    this.#stream.connect(process);
    this.#disk.start();
    if (this.#removal !== undefined) await this.kill();
  }

  #end(exitCode: number | undefined): void {
    this.#state = { running: false, exitCode };
  }

  async wait(ms: number): Promise<void> {
    const process = this.#started();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new InfrastructureError(`a sandbox did not end within ${ms / 1000} s`));
    }, ms);
    try {
      await Promise.race([process.ended, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Memory is told by the group's own counter; a process that bwrap could not start is the machine's failure. */
  async inspect(): Promise<ContainerState> {
    const process = this.#started();
    const { running, exitCode } = this.#state;
    if (!running && exitCode === undefined && !this.#killed) {
      await process.ended;
      const said = process.said() || "it was killed from outside";
      throw new InfrastructureError(`bubblewrap did not run a sandbox to its end: ${said}`);
    }
    const oomKilled = (await this.oomKills()) > 0;
    return { running, exitCode: exitCode ?? KILLED, oomKilled };
  }

  /** How many processes of it the kernel has killed for want of memory; of a group that is gone what was last known. */
  async oomKills(): Promise<number> {
    this.#oomKills = await this.#spec.cgroup.oomKills().catch(() => this.#oomKills);
    return this.#oomKills;
  }

  /** Runs a command of set-up by the machine's supervisor. */
  execBy(...run: Parameters<SetupCommands["exec"]>): Promise<number | null> {
    if (this.#setup === undefined) throw new Error("commands are run in set-up alone");
    return this.#setup.exec(...run);
  }

  async kill(): Promise<void> {
    this.#killed = true;
    this.#process?.kill();
    await this.#spec.cgroup.kill();
    await this.#process?.ended.catch(() => {});
  }

  /** Kills what runs in it and removes its room; a second call waits for the first. */
  remove(): Promise<void> {
    this.#removal ??= this.#remove().catch((error) => {
      this.#removal = undefined;
      throw error;
    });
    return this.#removal;
  }

  async #remove(): Promise<void> {
    this.#disk.stop();
    await this.kill();
    this.#setup?.[Symbol.dispose]();
    await this.#spec.cgroup.remove();
    await removeTree(this.#spec.jail.room);
    this.#spec.onRemoved();
  }

  /** Never fails: what cannot be removed now is left to the reaper. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove().catch(() => {});
  }

  #started(): JailedProcess {
    if (this.#process === undefined) throw new InfrastructureError("the sandbox was not started");
    return this.#process;
  }
}

/** What a shell says of a command that SIGKILL ended. */
const KILLED = 137;
