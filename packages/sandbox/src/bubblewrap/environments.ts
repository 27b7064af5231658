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
import type { NetworkUse } from "../setup-files.ts";
import { SUPERVISOR_COMMAND } from "../supervisor-files.ts";
import type { BubblewrapMachine } from "./bubblewrap-machine.ts";
import type { Host } from "./host.ts";
import { KEPT, removeTree, sizeOf } from "./room.ts";
import type { Furniture, Rooms } from "./rooms.ts";

const DAY_MS = 86_400_000;
const KEEP_MS = 30 * DAY_MS;
const KEEP_BYTES = 20 * 1024 ** 3;
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
  /** the environment being built under each key: a second asker waits, and finds it */
  readonly #building = new Map<string, Promise<unknown>>();

  constructor(folder: string, rooms: Rooms, use: NetworkUse) {
    this.#folder = join(folder, "environments");
    this.#rooms = rooms;
    this.#use = use;
  }

  async get(
    host: Host,
    spec: EnvironmentSpec,
    watch: SandboxWatch,
    signal?: AbortSignal,
  ): Promise<Environment> {
    const started = performance.now();
    const built = (image: string, cached: boolean, log = "") => {
      return { image, cached, log, durationMs: Math.round(performance.now() - started) };
    };
    const plain = `host-${host.identity}`;
    if (spec.setup.length === 0) return built(plain, true);
    const key = environmentKey(plain, spec, this.#use.egress?.client);
    return this.#oneAtATime(key, async () => {
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
    const all = await Promise.all((await this.#names()).map((name) => this.#aged(name)));
    all.sort((a, b) => a.age - b.age);
    let kept = 0;
    let freed = 0;
    for (const { name, age, bytes } of all) {
      kept += bytes;
      if (age < SETTLED_MS || (age < KEEP_MS && kept <= KEEP_BYTES)) continue;
      await removeTree(join(this.#folder, name));
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
      { ...wanted, limits: spec.limits, furniture: undefined },
      signal,
    );
    const exec = machine.execBy.bind(machine);
    const log = await setUp({ machine, exec }, { ...options, ...this.#use });
    await this.#keep(machine, key);
    return log;
  }

  /** Takes over what a dead machine's set-up made; another process may have made the same. */
  async #keep(machine: BubblewrapMachine, key: string): Promise<void> {
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

  async #names(): Promise<string[]> {
    return readdir(this.#folder).catch(() => []);
  }

  /** How long ago it was last used and what it holds; what was never finished has no facts. */
  async #aged(name: string): Promise<{ name: string; age: number; bytes: number }> {
    const path = join(this.#folder, name);
    const at = await stat(join(path, FACTS)).catch(() => stat(path));
    const size = (await this.#facts(name)) ?? (await sizeOf(path));
    return { name, age: Date.now() - at.mtimeMs, bytes: size.bytes };
  }

  async #oneAtATime<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#building.get(key) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#building.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#building.get(key) === turn) this.#building.delete(key);
    }
  }
}
