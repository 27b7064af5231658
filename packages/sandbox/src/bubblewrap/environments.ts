import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Environment,
  type EnvironmentSpec,
  InfrastructureError,
  type SandboxWatch,
} from "@headrace/domain";
import { z } from "zod";
import { environmentKey, setUp } from "../environment.ts";
import { chooseEvicted, KEEP, type Keep, type KeptImage } from "../evict.ts";
import type { NetworkUse } from "../setup-files.ts";
import { SUPERVISOR_COMMAND } from "../supervisor-files.ts";
import { Turns } from "../turns.ts";
import type { BubblewrapMachine } from "./bubblewrap-machine.ts";
import type { Host } from "./host.ts";
import { PATH } from "./jail.ts";
import { KEPT, removeTree, sizeOf } from "./room.ts";
import type { Furniture, Rooms } from "./rooms.ts";

/** What was used this recently may be being copied. */
const SETTLED_MS = 3_600_000;

/** Names that stand for an image: the host's own programs with empty folders, and a folder that set-up filled. */
const PLAIN = /^host-[0-9a-f]{40}$/;
const KEYED = /^folder-([0-9a-f]{40})$/;
const FACTS = "environment.json";
const Facts = z.object({ bytes: z.number(), files: z.number() });

/** Folders that set-up filled, one for each key, which sandboxes get copies of. */
export class Environments {
  readonly #folder: string;
  readonly #rooms: Rooms;
  readonly #use: NetworkUse;
  readonly #keep: Partial<Keep>;
  /** the environment being built under each key: a second asker waits, and finds it */
  readonly #building = new Turns();

  constructor(rooms: Rooms, options: { folder: string; use: NetworkUse; keep: Partial<Keep> }) {
    this.#folder = join(options.folder, "environments");
    this.#rooms = rooms;
    this.#use = options.use;
    this.#keep = options.keep;
  }

  async get(
    host: Host,
    spec: EnvironmentSpec,
    watch: SandboxWatch,
    signal?: AbortSignal,
  ): Promise<Environment> {
    const started = performance.now();
    const built = (image: string, cached: boolean, log = "") => {
      const durationMs = Math.round(performance.now() - started);
      return { image, cached, log, durationMs, env: { PATH } };
    };
    const plain = `host-${host.identity}`;
    if (spec.setup.length === 0) return built(plain, true);
    const key = environmentKey(plain, spec, this.#use.egress?.client);
    return this.#building.take(key, async () => {
      const image = `folder-${key}`;
      if ((await this.#facts(key)) !== undefined) return built(image, true);
      return built(image, false, await this.#build(host, { key, spec, watch, signal }));
    });
  }

  /** What fills a sandbox of this image; throws where its folder is gone. */
  async find(image: string): Promise<Furniture | undefined> {
    if (PLAIN.test(image)) return undefined;
    const key = KEYED.exec(image)?.[1];
    const size = key === undefined ? undefined : await this.#facts(key);
    if (key === undefined || size === undefined) {
      throw new InfrastructureError(`the environment ${image} is not on this host any more`);
    }
    const folder = join(this.#folder, key);
    const now = new Date();
    await utimes(join(folder, FACTS), now, now);
    return { folder, size };
  }

  /** Removes what has not been used for long, and of the rest the longest unused beyond what is kept in all. */
  async evict(): Promise<number> {
    const names = await readdir(this.#folder).catch(() => []);
    const now = Date.now();
    const all = await Promise.all(names.map((name) => this.#kept(name, now)));
    let freed = 0;
    for (const { id, bytes } of chooseEvicted(all, { ...KEEP, ...this.#keep }, now)) {
      await removeTree(join(this.#folder, id));
      freed += bytes;
    }
    return freed;
  }

  async #build(
    host: Host,
    options: {
      key: string;
      spec: EnvironmentSpec;
      watch: SandboxWatch;
      signal: AbortSignal | undefined;
    },
  ): Promise<string> {
    const { key, spec, signal } = options;
    const wanted = { phase: "setup", command: SUPERVISOR_COMMAND, env: {} } as const;
    await using machine = await this.#rooms.create(
      host,
      { ...wanted, limits: spec.limits, run: spec.run ?? "", furniture: undefined },
      signal,
    );
    const exec = machine.execBy.bind(machine);
    const log = await setUp({ machine, exec }, { ...options, ...this.#use });
    await this.#take(machine, key);
    return log;
  }

  /** Takes over what a dead machine's set-up made; another process may have made the same. */
  async #take(machine: BubblewrapMachine, key: string): Promise<void> {
    const fresh = join(this.#folder, `${key}.${randomBytes(6).toString("hex")}`);
    await mkdir(fresh, { recursive: true, mode: 0o711 });
    for (const name of KEPT) {
      const made = join(machine.room, name);
      // what is not writable cannot be moved
      await chmod(made, 0o755);
      await rename(made, join(fresh, name));
    }
    await writeFile(join(fresh, FACTS), JSON.stringify(await sizeOf(fresh)));
    await rename(fresh, join(this.#folder, key)).catch(async (error: NodeJS.ErrnoException) => {
      await removeTree(fresh);
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  }

  async #facts(key: string): Promise<z.infer<typeof Facts> | undefined> {
    try {
      return Facts.parse(JSON.parse(await readFile(join(this.#folder, key, FACTS), "utf8")));
    } catch {
      return undefined;
    }
  }

  /** What was never finished has no facts, and so no name. */
  async #kept(id: string, now: number): Promise<KeptImage> {
    const path = join(this.#folder, id);
    const { mtimeMs: lastUsed } = await stat(join(path, FACTS)).catch(() => stat(path));
    const facts = await this.#facts(id);
    const { bytes } = facts ?? (await sizeOf(path));
    const name = facts === undefined ? undefined : id;
    return { id, name, bytes, lastUsed, inUse: now - lastUsed < SETTLED_MS };
  }
}
