import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import type { SandboxLimits } from "@headrace/domain";
import { Admission, capacityOf, needOf, type Room } from "../admission.ts";
import { affordable, tellOnce } from "../affordable.ts";
import type { Owner } from "../containers.ts";
import { BubblewrapMachine } from "./bubblewrap-machine.ts";
import { Cgroup, listCgroups } from "./cgroups.ts";
import type { Host } from "./host.ts";
import type { Jail } from "./jail.ts";
import { makeRoom, removeTree, type Size } from "./room.ts";

/** What fills a room: the folder of an environment and how much it holds. */
export type Furniture = { folder: string; size: Size };

export type RoomSpec = {
  /** whose share of the machine it takes */
  run: string;
  phase: Jail["phase"];
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  limits: SandboxLimits;
  /** undefined: empty folders */
  furniture: Furniture | undefined;
  beside?: Jail["beside"];
};

const EMPTY: Size = { bytes: 0, files: 0 };

/** Makes this process's sandboxes, knows which are alive, and removes them and those of dead processes. */
export class Rooms {
  readonly #folder: string;
  readonly #owner: string;
  readonly #boot: string;
  readonly #machine = { memoryBytes: totalmem(), cpus: availableParallelism() };
  readonly #tell: (told: string[]) => void;
  readonly #admission: Admission;
  /** from before anything of it exists until all of it is gone */
  readonly #held = new Map<string, BubblewrapMachine | undefined>();

  constructor(
    folder: string,
    { owner, boot, onWarning }: Owner & { onWarning: (message: string) => void },
  ) {
    this.#folder = join(folder, "rooms");
    this.#owner = short(owner);
    this.#boot = `${this.#owner}-${short(boot)}`;
    this.#tell = tellOnce(onWarning);
    this.#admission = new Admission(capacityOf(this.#machine), { onWarning, onShortage: () => {} });
  }

  /** The same with what of its limits this machine can give at all; what it cannot is told once. */
  affordable<T extends { limits: SandboxLimits }>(spec: T): T {
    const { limits, told } = affordable({ limits: spec.limits }, this.#machine);
    this.#tell(told);
    return { ...spec, limits };
  }

  /** Waits its turn where the machine has no room. */
  async create(host: Host, spec: RoomSpec, signal?: AbortSignal): Promise<BubblewrapMachine> {
    const turn = await this.#admission.enter({ ...needOf(spec.limits), run: spec.run }, signal);
    const id = `${this.#boot}-${randomBytes(6).toString("hex")}`;
    const room = join(this.#folder, id);
    const leave = () => {
      this.#held.delete(id);
      turn[Symbol.dispose]();
    };
    this.#held.set(id, undefined);
    const cgroup = await this.#furnished(host, { id, room, spec, turn, signal }).catch((error) => {
      leave();
      throw error;
    });
    const { etc, node, disableUserns } = host;
    const { phase, env, limits, beside } = spec;
    const machine = new BubblewrapMachine({
      id,
      host,
      cgroup,
      jail: { room, etc, node, limits, env, disableUserns, phase, beside },
      command: spec.command,
      brought: spec.furniture?.size ?? EMPTY,
      onRemoved: leave,
    });
    this.#held.set(id, machine);
    return machine;
  }

  async #furnished(
    host: Host,
    wanted: {
      id: string;
      room: string;
      spec: RoomSpec;
      turn: Room;
      signal: AbortSignal | undefined;
    },
  ): Promise<Cgroup> {
    const { id, room, spec, turn, signal } = wanted;
    const cgroup = await Cgroup.create(host.place, id, spec.limits, turn.cpuShares);
    try {
      await makeRoom(room, spec.furniture?.folder, signal);
      return cgroup;
    } catch (error) {
      await cgroup.remove().catch(() => {});
      await removeTree(room).catch(() => {});
      throw error;
    }
  }

  /** Ends and removes what is this owner's and not held by this process; returns how many there were. */
  async reap(host: Host): Promise<number> {
    const [rooms, groups] = await Promise.all([readdir(this.#folder), listCgroups(host.place)]);
    const all = [...new Set([...rooms, ...groups])];
    const left = all.filter((id) => this.#isOurs(id) && !this.#held.has(id));
    await Promise.all(
      left.map(async (id) => {
        await new Cgroup(host.place, id).remove();
        await removeTree(join(this.#folder, id));
      }),
    );
    return left.length;
  }

  #isOurs(id: string): boolean {
    return id.startsWith(`${this.#owner}-`) && /^[0-9a-f-]+$/.test(id);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#held.values()].map((machine) => machine?.[Symbol.asyncDispose]()));
  }
}

const short = (text: string): string =>
  createHash("sha256").update(text).digest("hex").slice(0, 10);
