import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, InfrastructureError, type Job, UserError } from "@headrace/domain";
import { createMemoryQueue, createQueue, type OwnedRedis, startRedis } from "@headrace/queue";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { queueSuite } from "./suites/queue-suite.ts";

const SOON = { timeout: 15_000, interval: 50 };

let dataDir: string;
let redis: OwnedRedis;
let admin: Redis;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "headrace-test-"));
  redis = await startRedis({ dataDir, env: { PATH: process.env.PATH }, onWarning: () => {} });
  admin = new Redis(redis.url);
  admin.on("error", () => {});
});

afterAll(async () => {
  admin.disconnect();
  await redis[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true });
});

const openQueue = async (prefix = randomUUID()) => {
  const errors: string[] = [];
  const warnings: string[] = [];
  const queue = await createQueue({
    redis,
    prefix,
    onError: (error) => errors.push(error.message),
    onWarning: (message) => warnings.push(message),
  });
  return { queue, prefix, errors, warnings, [Symbol.asyncDispose]: () => queue.close() };
};

const systemClock: Clock = {
  now: () => new Date(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
  random: Math.random,
  id: randomUUID,
};

queueSuite("createQueue (BullMQ)", async () => {
  const opened = await openQueue();
  return {
    ...opened,
    loseLock: async (id) => {
      await admin.del(`${opened.prefix}:work:${id}:lock`);
    },
  };
});

queueSuite("createMemoryQueue", async () => {
  const errors: string[] = [];
  const onError = (error: Error) => void errors.push(error.message);
  const queue = createMemoryQueue({ clock: systemClock, onError });
  return {
    queue,
    errors,
    loseLock: async (id) => queue.redeliver(id),
    [Symbol.asyncDispose]: () => queue.close(),
  };
});

const job = (id: string): Job => ({ id, lane: "work", run: "r1", step: "r1-t1-code" });

const serverPid = async (): Promise<number> =>
  Number((await readFile(join(dataDir, "redis.pid"), "utf8")).split("\n")[0]);

describe("a queue whose Redis fails", () => {
  it("goes on consuming after FLUSHALL, and can be given the lost jobs again", async () => {
    await using opened = await openQueue();
    const { queue } = opened;
    const seen: string[] = [];
    await queue.add(job("lost-1"), 60_000);
    await queue.consume("work", 1, async ({ id }) => {
      seen.push(id);
      return { kind: "done" };
    });
    await queue.add(job("before-1"));
    await vi.waitFor(() => expect(seen).toEqual(["before-1"]), SOON);
    await admin.flushall();
    expect(await queue.present(["lost-1"])).toEqual(new Set());
    const flushed = Date.now();
    await queue.add(job("lost-1"));
    await vi.waitFor(() => expect(seen).toEqual(["before-1", "lost-1"]), SOON);
    expect(Date.now() - flushed).toBeLessThan(5000);
  });

  it("lets the handler of a job that FLUSHALL took end by itself, and takes the job anew beside it", async () => {
    await using opened = await openQueue();
    const { queue, errors } = opened;
    const ended = Promise.withResolvers<void>();
    const signals: AbortSignal[] = [];
    await queue.consume("work", 2, async (_, signal) => {
      signals.push(signal);
      if (signals.length === 1) await ended.promise;
      return { kind: "done" };
    });
    await queue.add(job("taken-1"));
    await vi.waitFor(() => expect(signals).toHaveLength(1), SOON);
    await admin.flushall();
    await vi.waitFor(() => expect(errors).toHaveLength(1), SOON);
    await queue.add(job("taken-1"));
    await vi.waitFor(() => expect(signals).toHaveLength(2), SOON);
    expect(signals[0]?.aborted).toBe(false);
    ended.resolve();
    await queue.add(job("next-1"));
    await vi.waitFor(() => expect(signals).toHaveLength(3), SOON);
    expect(errors).toEqual([expect.stringContaining("lost the lock of job taken-1")]);
  });

  it("goes on consuming after redis-server was killed, in the midst of a job too", async () => {
    await using opened = await openQueue();
    const { queue, errors } = opened;
    const seen: string[] = [];
    let aborted = false;
    await queue.consume("work", 2, async ({ id }, signal) => {
      seen.push(id);
      if (id === "running-1")
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      aborted = signal.aborted;
      return { kind: "done" };
    });
    await queue.add(job("running-1"));
    await vi.waitFor(() => expect(seen).toEqual(["running-1"]), SOON);
    process.kill(await serverPid(), "SIGKILL");
    const killed = Date.now();
    await vi.waitFor(() => queue.add(job("next-1")), SOON);
    await vi.waitFor(() => expect(seen).toEqual(["running-1", "next-1"]), SOON);
    expect(Date.now() - killed).toBeLessThan(8000);
    const lost = expect.stringContaining("lost the lock of job running-1");
    await vi.waitFor(() => expect(errors).toContainEqual(lost), SOON);
    expect(aborted).toBe(false);
  });

  it("refuses to add or look up at once while Redis is away, and closes in bounded time", async () => {
    const other = await mkdtemp(join(tmpdir(), "headrace-test-"));
    const lost = await startRedis({
      dataDir: other,
      env: { PATH: process.env.PATH },
      onWarning: () => {},
    });
    const queue = await createQueue({
      redis: lost,
      prefix: "p",
      onError: () => {},
      onWarning: () => {},
    });
    await queue.consume("work", 1, async () => ({ kind: "done" }));
    await queue.add(job("a-1"));
    await lost[Symbol.asyncDispose]();
    const gone = Date.now();
    await expect(queue.add(job("a-2"))).rejects.toThrow(InfrastructureError);
    await expect(queue.present(["a-2"])).rejects.toThrow(InfrastructureError);
    await queue.close();
    expect(Date.now() - gone).toBeLessThan(8000);
    await rm(other, { recursive: true });
  });
});

describe("a queue whose worker dies", () => {
  it("gives its job to another within seconds, however often that happens", async () => {
    await using opened = await openQueue();
    const { queue, prefix } = opened;
    const program = `
      import { createQueue } from "@headrace/queue";
      const [redis, prefix] = JSON.parse(process.argv[1]);
      const queue = await createQueue({ redis, prefix, onError() {}, onWarning() {} });
      await queue.consume("work", 1, ({ id }) => {
        process.send(id);
        return new Promise(() => {});
      });`;
    await queue.add(job("a-1"));
    for (const _ of ["first", "second"]) {
      const { url, description } = redis;
      const worker = spawn(
        process.execPath,
        ["--input-type=module", "--eval", program, JSON.stringify([{ url, description }, prefix])],
        { stdio: ["ignore", "inherit", "inherit", "ipc"] },
      );
      expect(await once(worker, "message")).toContain("a-1");
      worker.kill("SIGKILL");
      await once(worker, "exit");
    }
    const died = Date.now();
    const seen: string[] = [];
    await queue.consume("work", 1, async ({ id }) => {
      seen.push(id);
      return { kind: "done" };
    });
    await vi.waitFor(() => expect(seen).toEqual(["a-1"]), SOON);
    expect(Date.now() - died).toBeLessThan(10_000);
  });

  it("lets a process end whose Redis is gone for good", async () => {
    const program = `
      import { createQueue, startRedis } from "@headrace/queue";
      const redis = await startRedis({ dataDir: process.argv[1], env: process.env, onWarning() {} });
      const queue = await createQueue({ redis, prefix: "p", onError() {}, onWarning() {} });
      await queue.consume("work", 1, async () => ({ kind: "done" }));
      await queue.add({ id: "a-1", lane: "work", run: "r", step: "s" });
      await redis[Symbol.asyncDispose]();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await queue.close();`;
    const other = await mkdtemp(join(tmpdir(), "headrace-test-"));
    const factory = spawn(process.execPath, ["--input-type=module", "--eval", program, other], {
      stdio: "inherit",
    });
    const timer = setTimeout(() => factory.kill("SIGKILL"), 20_000);
    expect(await once(factory, "exit")).toEqual([0, null]);
    clearTimeout(timer);
    await rm(other, { recursive: true });
  });
});

describe("the eviction policy of a queue's Redis", () => {
  afterEach(async () => {
    await admin.call("ACL", "SETUSER", "default", "+config");
    await admin.config("SET", "maxmemory-policy", "noeviction");
  });

  it("is refused when it drops keys, with the way to change it", async () => {
    await admin.config("SET", "maxmemory-policy", "allkeys-lru");
    const refusal = await openQueue().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(UserError);
    expect(String(refusal)).toContain("its maxmemory-policy is allkeys-lru");
    expect(String(refusal)).toContain("CONFIG SET maxmemory-policy noeviction");
  });

  it("is warned about when Redis does not show it", async () => {
    await admin.call("ACL", "SETUSER", "default", "-config");
    await using opened = await openQueue();
    expect(opened.warnings).toEqual([expect.stringContaining("does not show its eviction policy")]);
  });
});
