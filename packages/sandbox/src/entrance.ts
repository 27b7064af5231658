import type { EngineInfo, SandboxLimits, SandboxMeans, Service } from "@headrace/domain";
import { Admission, capacityOf, needOf, type Room } from "./admission.ts";
import { type Affordable, affordable, tellOnce } from "./affordable.ts";
import type { Containers } from "./containers.ts";
import { DiskFloor, type Reserve } from "./disk-floor.ts";
import { EngineDisk } from "./engine-disk.ts";

/** What is to be started on the engine, and for which run. */
export type Entering = {
  limits: SandboxLimits;
  services?: readonly Service[] | undefined;
  run: string;
};

type Options = {
  describe(): Promise<EngineInfo>;
  containers: Containers;
  baseImage: string;
  reserve: Partial<Reserve> | undefined;
  onWarning(message: string): void;
  onShortage(): void;
};

/** Lets work onto an engine while it has memory, processors and disk for it, and ends what fills its disk. */
export class Entrance {
  readonly #options: Options;
  readonly #disk: EngineDisk;
  readonly #floor: DiskFloor;
  readonly #tell: (told: string[]) => void;
  #admission: Promise<Admission> | undefined;

  constructor(options: Options) {
    const { containers, baseImage, reserve, onWarning } = options;
    this.#options = options;
    this.#tell = tellOnce(onWarning);
    this.#disk = new EngineDisk(containers, baseImage);
    this.#floor = new DiskFloor({
      look: () => this.#disk.look(),
      rest: () => this.#disk.rest(),
      writers: () => containers.writers(),
      reserve,
      onWarning,
    });
  }

  /** What of that the engine can give at all; what it cannot is told once. */
  async affordable(asked: SandboxMeans): Promise<Affordable> {
    const engine = await this.#options.describe();
    // an engine whose disk cannot be looked at refuses what comes next, and says why
    const diskMb = await this.#floor.mostMb().catch(() => undefined);
    const { told, ...given } = affordable(asked, engine, diskMb);
    this.#tell(told);
    return given;
  }

  /** Waits for its turn; throws `InfrastructureError` where the engine's disk is nearly full. */
  async enter({ limits, services, run }: Entering, signal?: AbortSignal): Promise<Room> {
    const admission = await this.#line();
    return this.#guarded(await admission.enter({ ...needOf(limits, services), run }, signal));
  }

  /** Room that nobody waits for, if there is such. */
  async enterFree({ limits, run }: Entering): Promise<Room | undefined> {
    const room = (await this.#line()).enterFree({ ...needOf(limits), run });
    return room && this.#guarded(room);
  }

  async #guarded(room: Room): Promise<Room> {
    const guarded = await this.#floor.guard(room);
    return { cpuShares: room.cpuShares, [Symbol.dispose]: () => guarded[Symbol.dispose]() };
  }

  close(): void {
    this.#floor.close();
  }

  #line(): Promise<Admission> {
    this.#admission ??= this.#options.describe().then(
      (engine) => new Admission(capacityOf(engine), this.#options),
      (error) => {
        this.#admission = undefined;
        throw error;
      },
    );
    return this.#admission;
  }
}
