import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PRODUCT, type SandboxLimits } from "@headrace/domain";
import { CPU_SHARES } from "../admission.ts";

const MIB = 1024 * 1024;
const CONTROLLERS = ["memory", "pids", "cpu"] as const;
type Controller = (typeof CONTROLLERS)[number];
const CPU_PERIOD_US = 100_000;
/** what version 2 of cgroups has for the shares of one that nobody weighed */
const CPU_WEIGHT = 100;
const PREFIX = `${PRODUCT}-sandbox-`;
/** How long the kernel may take to end what was killed. */
const KILL_PASSES = 200;

/** Where groups can be made: one folder in cgroup 2, one for each controller in cgroup 1. */
export type CgroupPlace = { version: 1 | 2; folders: Readonly<Record<Controller, string>> };

/** A group of processes with limits of its own; it knows of its processes' deaths what they cannot forge. */
export class Cgroup {
  /** a process enters by writing itself into each of them */
  readonly entrances: readonly string[];
  readonly #folders: readonly string[];
  readonly #counters: string;

  constructor(place: CgroupPlace, name: string) {
    const folder = (controller: Controller) => join(place.folders[controller], PREFIX + name);
    this.#folders = [...new Set(CONTROLLERS.map(folder))];
    this.entrances = this.#folders.map((path) => join(path, "cgroup.procs"));
    const counters = place.version === 1 ? "memory.oom_control" : "memory.events";
    this.#counters = join(folder("memory"), counters);
  }

  /** Makes the group; throws where a limit cannot be set, for a group without limits protects nobody. */
  static async create(
    place: CgroupPlace,
    name: string,
    limits: SandboxLimits,
    cpuShares = CPU_SHARES,
  ): Promise<Cgroup> {
    const cgroup = new Cgroup(place, name);
    try {
      for (const path of cgroup.#folders) await mkdir(path);
      const wanted = settings(place.version, limits, cpuShares);
      for (const { controller, file, value, optional } of wanted) {
        const path = join(place.folders[controller], PREFIX + name, file);
        await writeFile(path, value).catch((error: NodeJS.ErrnoException) => {
          if (!(optional && error.code === "ENOENT")) throw error;
        });
      }
      return cgroup;
    } catch (error) {
      await cgroup.remove().catch(() => {});
      throw error;
    }
  }

  /** How many of its processes the kernel has killed for want of memory. */
  async oomKills(): Promise<number> {
    const text = await readFile(this.#counters, "utf8");
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  /** Kills every process in it, and those that they start meanwhile; resolves when none is left. */
  async kill(): Promise<void> {
    for (let pass = 0; pass < KILL_PASSES; pass += 1) {
      const pids = await this.processes();
      if (pids.length === 0) return;
      for (const pid of pids) endProcess(pid);
      await sleep(Math.min(5 * (pass + 1), 50));
    }
    throw new Error("processes of a sandbox cannot be killed");
  }

  /** Kills what is left in it and removes it; a group that is gone is removed. */
  async remove(): Promise<void> {
    await this.kill();
    for (const path of this.#folders) {
      await rmdir(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    }
  }

  /** Ids on the host of the processes in it. */
  async processes(): Promise<number[]> {
    const lists = this.entrances.map((path) => readFile(path, "utf8").catch(() => ""));
    const found = (await Promise.all(lists)).flatMap((text) => text.split("\n").filter(Boolean));
    return [...new Set(found.map(Number))];
  }
}

const endProcess = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
};

type Setting = { controller: Controller; file: string; value: string; optional?: true };

/** In the order they must be written: version 1 wants memory limited before memory and swap together. */
const settings = (version: 1 | 2, limits: SandboxLimits, cpuShares: number): Setting[] => {
  const bytes = String(limits.memoryMb * MIB);
  const weight = String(Math.ceil((cpuShares / CPU_SHARES) * CPU_WEIGHT));
  const quota = String(Math.round(limits.cpus * CPU_PERIOD_US));
  const pids: Setting = { controller: "pids", file: "pids.max", value: String(limits.pids) };
  if (version === 2) {
    return [
      pids,
      { controller: "memory", file: "memory.max", value: bytes },
      // absent where the kernel has no swap
      { controller: "memory", file: "memory.swap.max", value: "0", optional: true },
      { controller: "cpu", file: "cpu.max", value: `${quota} ${CPU_PERIOD_US}` },
      { controller: "cpu", file: "cpu.weight", value: weight },
    ];
  }
  return [
    pids,
    { controller: "memory", file: "memory.limit_in_bytes", value: bytes },
    { controller: "memory", file: "memory.swappiness", value: "0", optional: true },
    {
      controller: "memory",
      file: "memory.memsw.limit_in_bytes",
      value: bytes,
      optional: true,
    },
    { controller: "cpu", file: "cpu.cfs_period_us", value: String(CPU_PERIOD_US) },
    { controller: "cpu", file: "cpu.cfs_quota_us", value: quota },
    { controller: "cpu", file: "cpu.shares", value: String(cpuShares) },
  ];
};

/** Names of the groups that stand in a place, by whom- and whenever they were made. */
export const listCgroups = async (place: CgroupPlace): Promise<string[]> => {
  const lists = CONTROLLERS.map((controller) => readdir(place.folders[controller]));
  const names = (await Promise.all(lists)).flat().filter((name) => name.startsWith(PREFIX));
  return [...new Set(names)].map((name) => name.slice(PREFIX.length));
};

/**
 * The first place where this process may make groups with limits: below its own group, or for root below the root
 * one. Undefined where there is none.
 */
export const findCgroupPlace = async (): Promise<CgroupPlace | undefined> => {
  const [mounts, own] = await Promise.all([
    readFile("/proc/self/mountinfo", "utf8").then(cgroupMounts),
    readFile("/proc/self/cgroup", "utf8").then(ownGroups),
  ]);
  for (const { prepare, ...place } of candidates(mounts, own)) {
    if ((await prepare()) && (await works(place))) return place;
  }
  return undefined;
};

type Mounts = { unified?: string; controllers: ReadonlyMap<string, string> };

const cgroupMounts = (mountinfo: string): Mounts => {
  const controllers = new Map<string, string>();
  let unified: string | undefined;
  for (const line of mountinfo.trimEnd().split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const path = before.split(" ")[4] ?? "";
    const [type, , options = ""] = after.split(" ");
    if (type === "cgroup2") unified = path;
    if (type === "cgroup") for (const name of options.split(",")) controllers.set(name, path);
  }
  return unified === undefined ? { controllers } : { unified, controllers };
};

/** This process's group in each hierarchy; the unified one's under the empty name. */
const ownGroups = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text
      .trimEnd()
      .split("\n")
      .flatMap((line) => {
        const [, names = "", path = "/"] = line.split(":");
        return names.split(",").map((name): [string, string] => [name, path]);
      }),
  );

type Candidate = CgroupPlace & { prepare: () => Promise<boolean> };

const candidates = (mounts: Mounts, own: ReadonlyMap<string, string>): Candidate[] => {
  const found: Candidate[] = [];
  if (CONTROLLERS.every((name) => mounts.controllers.has(name))) {
    const at = (group: (name: Controller) => string) => {
      const folder = (name: Controller) => join(mounts.controllers.get(name) ?? "", group(name));
      found.push({ version: 1, folders: forEach(folder), prepare: async () => true });
    };
    at((name) => own.get(name) ?? "/");
    at(() => "/");
  }
  const { unified } = mounts;
  if (unified !== undefined) {
    const at = (folder: string, prepare: Candidate["prepare"]) =>
      found.push({ version: 2, folders: forEach(() => folder), prepare });
    const group = join(unified, own.get("") ?? "/");
    const below = join(unified, PRODUCT);
    if (process.getuid?.() === 0)
      at(below, async () => (await delegate(unified)) && (await delegate(below)));
    // moved into its own leaf by an earlier start of this process
    const base = basename(group) === LEAF ? dirname(group) : group;
    at(base, async () => (await vacate(base)) && (await delegate(base)));
  }
  return found;
};

const forEach = (folder: (name: Controller) => string): Record<Controller, string> => ({
  memory: folder("memory"),
  pids: folder("pids"),
  cpu: folder("cpu"),
});

const LEAF = `${PRODUCT}-factory`;

/** Makes a group of version 2, if it is not there, and one whose children can be limited. */
const delegate = async (folder: string): Promise<boolean> => {
  try {
    await mkdir(folder, { recursive: true });
    const wanted = CONTROLLERS.map((name) => `+${name}`).join(" ");
    await writeFile(join(folder, "cgroup.subtree_control"), wanted);
    return true;
  } catch {
    return false;
  }
};

/**
 * A group of version 2 has either processes or limited children: its processes, all of them started within the
 * subtree that was delegated to this person, move into a leaf.
 */
const vacate = async (folder: string): Promise<boolean> => {
  try {
    const pids = (await readFile(join(folder, "cgroup.procs"), "utf8")).split("\n").filter(Boolean);
    if (pids.length > 0) await mkdir(join(folder, LEAF), { recursive: true });
    for (const pid of pids) await writeFile(join(folder, LEAF, "cgroup.procs"), pid);
    return true;
  } catch {
    return false;
  }
};

const TRIAL: SandboxLimits = { memoryMb: 64, cpus: 1, pids: 16, diskMb: 64, inodes: 1000 };

const works = async (place: CgroupPlace): Promise<boolean> => {
  try {
    const trial = await Cgroup.create(place, `trial-${process.pid}`, TRIAL);
    await trial.remove();
    return true;
  } catch {
    return false;
  }
};
