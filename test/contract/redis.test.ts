import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { UserError } from "@headrace/domain";
import {
  createQueue,
  findRedis,
  type OwnedRedis,
  type RunRedisContainer,
  startRedis,
} from "@headrace/queue";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const SOON = { timeout: 15_000, interval: 50 };
const ENV = { PATH: process.env.PATH };

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "headrace-test-"));
});
afterEach(async () => {
  await rm(dataDir, { recursive: true });
});

const start = (more: Partial<Parameters<typeof startRedis>[0]> = {}): Promise<OwnedRedis> =>
  startRedis({ dataDir, env: ENV, onWarning: () => {}, ...more });

const ask = async (url: string, ...command: [string, ...string[]]): Promise<unknown> => {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  redis.on("error", () => {});
  await redis.connect();
  try {
    return await redis.call(...command);
  } finally {
    redis.disconnect();
  }
};

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const recordedPid = async (): Promise<number> =>
  Number((await readFile(join(dataDir, "redis.pid"), "utf8")).split("\n")[0]);

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
};

/** A program by the name of redis-server that says it is of this version. */
const pretender = async (version: string): Promise<string> => {
  const folder = join(dataDir, "bin");
  await mkdir(folder);
  await writeFile(join(folder, "redis-server"), `#!/bin/sh\necho "Redis server v=${version}"\n`);
  await chmod(join(folder, "redis-server"), 0o755);
  return folder;
};

describe("the Redis a factory starts", () => {
  it("listens on a private unix socket only, keeps nothing on disk and evicts nothing", async () => {
    await using redis = await start();
    expect(Buffer.byteLength(redis.url)).toBeLessThan(100);
    expect((await stat(dirname(redis.url))).mode & 0o777).toBe(0o700);
    expect(await ask(redis.url, "CONFIG", "GET", "port")).toEqual(["port", "0"]);
    expect(await ask(redis.url, "CONFIG", "GET", "save")).toEqual(["save", ""]);
    expect(await ask(redis.url, "CONFIG", "GET", "appendonly")).toEqual(["appendonly", "no"]);
    expect(await ask(redis.url, "CONFIG", "GET", "maxmemory-policy")).toEqual([
      "maxmemory-policy",
      "noeviction",
    ]);
  });

  it("is gone when it is disposed of, with its files", async () => {
    const redis = await start();
    const pid = await recordedPid();
    await redis[Symbol.asyncDispose]();
    expect(isRunning(pid)).toBe(false);
    expect(await readdir(dataDir)).toEqual([]);
    await expect(stat(dirname(redis.url))).rejects.toThrow("ENOENT");
  });

  it("is started again on the same socket when it is killed", async () => {
    const warnings: string[] = [];
    await using redis = await start({ onWarning: (message) => warnings.push(message) });
    const pid = await recordedPid();
    process.kill(pid, "SIGKILL");
    await vi.waitFor(async () => expect(await recordedPid()).not.toBe(pid), SOON);
    await vi.waitFor(async () => expect(await ask(redis.url, "PING")).toBe("PONG"), SOON);
    expect(warnings).toEqual([expect.stringContaining("ended (SIGKILL); starting it again")]);
  });

  it("falls back to /tmp when the path of the socket would be too long", async () => {
    const long = join(dataDir, "x".repeat(80));
    await mkdir(long);
    vi.stubEnv("TMPDIR", long);
    try {
      await using redis = await start();
      expect(dirname(dirname(redis.url))).toBe("/tmp");
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it.each(["SIGKILL", "exit"])("does not outlive a factory that ends by %s", async (ending) => {
    const program = `
      import { startRedis } from "@headrace/queue";
      await startRedis({ dataDir: ${JSON.stringify(dataDir)}, env: process.env, onWarning() {} });
      process.send("started");
      process.on("message", () => process.exit(0));`;
    const factory = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    await once(factory, "message");
    const pid = await recordedPid();
    expect(isRunning(pid)).toBe(true);
    if (ending === "exit") factory.send("end");
    else factory.kill("SIGKILL");
    await once(factory, "exit");
    if (ending === "SIGKILL") {
      expect(isRunning(pid)).toBe(true);
      await using next = await start();
      expect(await ask(next.url, "PING")).toBe("PONG");
    }
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), SOON);
  });

  it("leaves another process alone that has the recorded number by now", async () => {
    const folder = join(tmpdir(), "headrace-redis-gone");
    const record = `${process.ppid}\n1\n${folder}\n`;
    await writeFile(join(dataDir, "redis.pid"), record);
    await using redis = await start();
    expect(isRunning(process.ppid)).toBe(true);
    expect(await ask(redis.url, "PING")).toBe("PONG");
  });
});

describe("the choice of a Redis", () => {
  it("takes REDIS_URL first, and never prints its password", async () => {
    await using local = await start();
    const elsewhere = { dataDir: join(dataDir, "other") };
    const other = await start({ ...elsewhere, env: { ...ENV, REDIS_URL: local.url } });
    expect(other.url).toBe(local.url);
    await other[Symbol.asyncDispose]();
    expect(await ask(local.url, "PING")).toBe("PONG");
    const port = await freePort();
    const refusal = await start({
      ...elsewhere,
      env: { ...ENV, REDIS_URL: `redis://:hunter2@127.0.0.1:${port}/1` },
    }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(UserError);
    expect(String(refusal)).toContain(`redis://127.0.0.1:${port}/1`);
    expect(String(refusal)).not.toContain("hunter2");
  });

  it("refuses a REDIS_URL that is no address", async () => {
    const refusal = start({ env: { REDIS_URL: "localhost:6379" } });
    await expect(refusal).rejects.toThrow("REDIS_URL is not the address of a Redis");
  });

  it("finds a server on the path, with its version", async () => {
    expect(await findRedis(ENV)).toEqual({
      kind: "server",
      program: expect.stringMatching(/(redis|valkey)-server$/),
      version: expect.stringMatching(/^\d+\.\d+/),
    });
  });

  it("refuses to go on without any, and says how to install one on each system", async () => {
    const refusal = await start({ env: { PATH: dataDir } }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(UserError);
    expect((refusal as UserError).message).toMatchInlineSnapshot(`
      "the queue needs Redis, and neither redis-server nor valkey-server was found
        install one:  Debian, Ubuntu: sudo apt-get install -y redis-server
                      Fedora, RHEL:   sudo dnf install -y valkey
                      macOS:          brew install redis
        or give one in REDIS_URL (redis://host:6379)"
    `);
  });

  it("refuses a server that is too old, naming it", async () => {
    const folder = await pretender("4.0.9");
    await expect(start({ env: { PATH: folder } })).rejects.toThrow(
      `the queue needs Redis 5 or newer, found 4.0.9 (${join(folder, "redis-server")})`,
    );
  });

  it("asks for a container when there is no server, with a password of its own, and queues over it", async () => {
    const ended = vi.fn();
    /** the container's program on this machine: what it is told to run is what counts */
    const run: RunRedisContainer = async ({ image, command: [program = "", ...args] }) => {
      expect(image).toMatch(/^redis:/);
      const port = await freePort();
      const bound = ["--bind", "127.0.0.1", "--port", String(port), "--dir", dataDir];
      const server = spawn(program, [...args, ...bound], { stdio: "ignore" });
      return {
        host: "127.0.0.1",
        port,
        [Symbol.asyncDispose]: async () => {
          server.kill("SIGKILL");
          await once(server, "exit");
          ended();
        },
      };
    };
    {
      await using redis = await start({ env: { PATH: dataDir }, docker: run });
      expect(await ask(redis.url, "PING")).toBe("PONG");
      const { port, password } = new URL(redis.url);
      expect(redis.description).not.toContain(password);
      await expect(ask(`redis://127.0.0.1:${port}`, "PING")).rejects.toThrow();
      const reports = { onError: () => {}, onWarning: () => {} };
      const queue = await createQueue({ redis, prefix: "p", ...reports });
      const handler = vi.fn(async () => ({ kind: "done" }) as const);
      await queue.consume("work", 1, handler);
      await queue.add({ id: "a-1", lane: "work", run: "r1", step: "r1-t1-code" });
      await vi.waitFor(() => expect(handler).toHaveBeenCalledOnce(), SOON);
      await queue.close();
    }
    expect(ended).toHaveBeenCalledOnce();
  });

  it("tells what a server printed that does not start", async () => {
    const folder = await pretender("7.2.0");
    await expect(start({ env: { PATH: folder } })).rejects.toThrow(
      /redis-server does not answer on .*; it printed:\nRedis server v=7\.2\.0/,
    );
    expect(await readdir(dataDir)).toEqual(["bin"]);
  });
});
