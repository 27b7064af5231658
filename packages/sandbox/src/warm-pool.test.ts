import { SandboxLimits, type SandboxSpec } from "@headrace/domain";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type LiveSandbox, WarmPool } from "./warm-pool.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const SPEC: SandboxSpec = {
  image: "image",
  limits: SandboxLimits.parse({}),
  env: {},
  labels: { run: "run-1", step: "step-1" },
};

const never = () => Promise.reject(new Error("nobody asks"));

/** Sandboxes that only know whether they were removed. */
const pool = (start?: () => Promise<LiveSandbox | undefined>) => {
  const alive = new Set<string>();
  let made = 0;
  const startOne = async ({ labels }: SandboxSpec): Promise<LiveSandbox> => {
    made += 1;
    const id = `${labels.step}-${made}`;
    alive.add(id);
    return {
      id,
      lost: false,
      checkout: never,
      exec: never,
      read: never,
      write: never,
      snapshot: never,
      [Symbol.asyncDispose]: async () => void alive.delete(id),
    };
  };
  return { warm: new WarmPool(start ?? startOne), alive };
};

it("removes what nobody took within a minute, and keeps what is hinted at again", async () => {
  const { warm, alive } = pool();
  warm.warm(SPEC);
  await vi.advanceTimersByTimeAsync(50_000);
  warm.warm(SPEC);
  await vi.advanceTimersByTimeAsync(50_000);
  expect([...alive]).toEqual(["warm-1"]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(alive.size).toBe(0);
  expect(await warm.take(SPEC)).toBeUndefined();
});

it("removes what is still being started when it is drained", async () => {
  const { warm, alive } = pool();
  warm.warm(SPEC);
  await warm.drain();
  expect(alive.size).toBe(0);
  expect(await warm.take(SPEC)).toBeUndefined();
});

it("leaves what was taken to who took it", async () => {
  const { warm, alive } = pool();
  warm.warm(SPEC);
  const taken = await warm.take(SPEC);
  await vi.advanceTimersByTimeAsync(120_000);
  await warm.close();
  expect([...alive]).toEqual([taken?.id]);
});

it("tries again after a start that failed or found no room, and starts none once it is closed", async () => {
  const start = vi.fn(async (): Promise<LiveSandbox | undefined> => {
    throw new Error("no engine");
  });
  const { warm } = pool(start);
  warm.warm(SPEC);
  expect(await warm.take(SPEC)).toBeUndefined();
  start.mockResolvedValue(undefined);
  warm.warm(SPEC);
  await vi.advanceTimersByTimeAsync(0);
  warm.warm(SPEC);
  expect(start).toHaveBeenCalledTimes(3);
  await warm.close();
  warm.warm(SPEC);
  expect(start).toHaveBeenCalledTimes(3);
});

it("starts none ahead whose services or network belong to one sandbox", async () => {
  const { warm, alive } = pool();
  const service = { name: "db", image: "postgres", env: {}, memoryMb: 64 };
  warm.warm({ ...SPEC, services: [service] });
  warm.warm({ ...SPEC, network: { hosts: [] } });
  expect(alive.size).toBe(0);
});
