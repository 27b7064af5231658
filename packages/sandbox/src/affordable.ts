import type { EngineInfo, SandboxLimits, SandboxMeans, Service } from "@headrace/domain";
import { capacityOf, HOLDER_MB } from "./admission.ts";

const MIB = 1024 * 1024;

export type Affordable = { limits: SandboxLimits; services: readonly Service[] };

/** An engine too small for the factory runs something, one at a time, rather than nothing. */
const mostMemory = (engine: Pick<EngineInfo, "memoryBytes" | "cpus">): number =>
  Math.max(capacityOf(engine).memoryMb, Math.floor(engine.memoryBytes / MIB / 2));

/**
 * The same within what this engine can give at all, whatever a repository asks for; a slower run is better than none.
 * `told` says what was asked for in vain.
 */
export const affordable = (
  { limits, services = [] }: SandboxMeans,
  engine: Pick<EngineInfo, "memoryBytes" | "cpus">,
  /** what of the engine's disk sandboxes may fill, where that is known */
  diskMb = Number.POSITIVE_INFINITY,
): Affordable & { told: string[] } => {
  const most = mostMemory(engine);
  const room = services.length > 0 ? most - HOLDER_MB : most;
  const all = services.reduce((sum, { memoryMb }) => sum + memoryMb, limits.memoryMb);
  // each gives up the same part
  const within = (memoryMb: number) =>
    all > room ? Math.floor((memoryMb * room) / all) : memoryMb;
  const told = [
    ...(all > room
      ? [
          `sandboxes get ${room} MB of memory with all their services: the engine has no ${all} for them`,
        ]
      : []),
    ...(limits.cpus > engine.cpus
      ? [`sandboxes get ${engine.cpus} processors: the engine has no ${limits.cpus}`]
      : []),
    ...(limits.diskMb > diskMb
      ? [`sandboxes get ${diskMb} MB of disk: the engine has no ${limits.diskMb} for them`]
      : []),
  ];
  return {
    limits: {
      ...limits,
      memoryMb: within(limits.memoryMb),
      cpus: Math.min(limits.cpus, engine.cpus),
      diskMb: Math.min(limits.diskMb, diskMb),
    },
    services: services.map((service) => ({ ...service, memoryMb: within(service.memoryMb) })),
    told,
  };
};

/** Has each message told once. */
export const tellOnce = (onWarning: (message: string) => void): ((told: string[]) => void) => {
  const known = new Set<string>();
  return (told) => {
    for (const message of told) if (!known.has(message)) onWarning(message);
    for (const message of told) known.add(message);
  };
};
