import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { InfrastructureError } from "@headrace/domain";
import { type RedisEndpoint, withConnection } from "./endpoint.ts";
import { forgetServer, recordServer } from "./redis-record.ts";

const READY_MS = 10_000;
const MAX_RESTART_DELAY_MS = 5000;
/** a server that lived this long was healthy: its next restart is quick again */
const HEALTHY_MS = 10_000;

/**
 * A redis-server of our own: on a unix socket in a private directory, without TCP port and without persistence. It
 * is started again when it dies, and dies with this process.
 */
export class RedisChild implements RedisEndpoint, AsyncDisposable {
  readonly url: string;
  readonly description: string;
  readonly #program: string;
  readonly #directory: string;
  readonly #dataDir: string;
  readonly #onWarning: (message: string) => void;
  readonly #closing = new AbortController();
  #child: ChildProcess;
  #supervision: Promise<void> = Promise.resolve();

  private constructor(options: Options) {
    this.#program = options.program;
    this.#directory = options.directory;
    this.#dataDir = options.dataDir;
    this.#onWarning = options.onWarning;
    this.url = join(options.directory, "redis.sock");
    this.description = `${options.program} on ${this.url}`;
    this.#child = this.#spawn();
    process.once("exit", this.#killNow);
  }

  /** Resolves when it answers; throws `InfrastructureError` with what it printed when it does not. */
  static async start(options: Options): Promise<RedisChild> {
    const redis = new RedisChild(options);
    try {
      // first, for whoever is killed while it starts leaves it too
      await recordServer(options.dataDir, redis.#child.pid, options.directory);
      await redis.#answering();
    } catch (error) {
      await redis[Symbol.asyncDispose]();
      throw error;
    }
    redis.#supervision = redis.#supervise();
    return redis;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    process.removeListener("exit", this.#killNow);
    await this.#supervision;
    if (isAlive(this.#child)) {
      // nothing else may keep this process: it must not end, with its disposal half done, before the server has
      this.#child.ref();
      this.#child.kill("SIGKILL");
      await once(this.#child, "exit");
    }
    await forgetServer(this.#dataDir, this.#directory);
  }

  #spawn(): ChildProcess {
    rmSync(this.url, { force: true });
    const log = openSync(this.#logFile, "w", 0o600);
    // a process group of its own: Ctrl-C in the terminal is for us, who need the queue to stop in order
    const child = spawn(this.#program, serverArguments(this.url, this.#directory), {
      detached: true,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    child.unref();
    // why it could not be started is told by whoever waits for it
    child.on("error", () => {});
    return child;
  }

  get #logFile(): string {
    return join(this.#directory, "redis.log");
  }

  readonly #killNow = (): void => {
    if (isAlive(this.#child)) this.#child.kill("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  };

  async #answering(): Promise<void> {
    const deadline = Date.now() + READY_MS;
    for (;;) {
      const answer = await withConnection(this, (redis) => redis.ping()).catch((e: Error) => e);
      if (answer === "PONG") return;
      if (isAlive(this.#child) && Date.now() < deadline) await sleep(25);
      else
        throw new InfrastructureError(
          `${this.#program} does not answer on ${this.url}; it printed:\n${await this.#printed()}`,
          { cause: answer },
        );
    }
  }

  async #printed(): Promise<string> {
    const log = await readFile(this.#logFile, "utf8").catch(() => "");
    return log.trim().split("\n").slice(-10).join("\n") || "(nothing)";
  }

  async #supervise(): Promise<void> {
    const { signal } = this.#closing;
    let delay = 50;
    while (!signal.aborted) {
      const startedAt = Date.now();
      if (isAlive(this.#child)) await once(this.#child, "exit", { signal }).catch(() => {});
      if (signal.aborted) return;
      this.#onWarning(`${this.description} ended (${ending(this.#child)}); starting it again`);
      delay = Date.now() - startedAt > HEALTHY_MS ? 50 : Math.min(delay * 2, MAX_RESTART_DELAY_MS);
      await sleep(delay, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      this.#child = this.#spawn();
      await recordServer(this.#dataDir, this.#child.pid, this.#directory).catch(() => {});
    }
  }
}

type Options = {
  program: string;
  /** private to this server; removed at close */
  directory: string;
  dataDir: string;
  onWarning: (message: string) => void;
};

const isAlive = (child: ChildProcess): boolean =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null;

const ending = (child: ChildProcess): string =>
  child.signalCode ?? (child.exitCode === null ? "not started" : `exit ${child.exitCode}`);

const serverArguments = (socket: string, directory: string): string[] =>
  Object.entries({
    port: "0",
    unixsocket: socket,
    unixsocketperm: "700",
    dir: directory,
    save: "",
    appendonly: "no",
    "maxmemory-policy": "noeviction",
    daemonize: "no",
    logfile: "",
  }).flatMap(([name, value]) => [`--${name}`, value]);
