import { expect, it, vi } from "vitest";
import { DiskWatch, type Layer } from "./disk-watch.ts";

const MIB = 1024 * 1024;
const LIMITS = { diskMb: 100, inodes: 1000 };

/** A watch of a layer that is whatever the test says it is, with what was told and asked. */
const watching = (layer: Partial<Layer>, limits = LIMITS) => {
  const told: string[] = [];
  let looks = 0;
  const watch = new DiskWatch(
    {
      async bytes() {
        looks += 1;
        return layer.bytes?.() ?? 0;
      },
      files: async (cap) => layer.files?.(cap) ?? 0,
    },
    limits,
    ({ limit, message }) => told.push(`${limit}: ${message}`),
  );
  return { watch, told, looks: () => looks };
};

it("tells once of the limit that was passed, and looks no more", async () => {
  const { watch, told, looks } = watching({ bytes: async () => 100 * MIB + 1 });
  watch.start();
  await vi.waitFor(() => expect(told).toHaveLength(1));
  await watch.look();
  expect(told).toEqual(["disk: used more than 100 MB of disk beyond what its image holds"]);
  const then = looks();
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(looks()).toBe(then);
});

it("lets a layer be that just fits", async () => {
  const { watch } = watching({ bytes: async () => 100 * MIB, files: async () => 1000 });
  await watch.look();
  expect(watch.exceeded).toBeUndefined();
});

it("counts files where a look took long enough to walk over too many, and only there", async () => {
  const counted: number[] = [];
  const layer = (ms: number): Partial<Layer> => ({
    bytes: () => new Promise((resolve) => setTimeout(resolve, ms, 0)),
    files: async (cap) => counted.push(cap) && 2_000_000,
  });
  const limits = { diskMb: 100, inodes: 100_000 };
  await watching(layer(1), limits).watch.look();
  expect(counted).toEqual([]);
  const slow = watching(layer(150), limits);
  await slow.watch.look();
  expect(counted).toEqual([100_000]);
  expect(slow.told).toEqual(["inodes: made more than 100000 files beyond what its image holds"]);
});

it("goes on after an engine failed to answer", async () => {
  let answers = 0;
  const { watch, told } = watching({
    bytes: async () => {
      answers += 1;
      if (answers === 1) throw new Error("away");
      return 200 * MIB;
    },
  });
  await expect(watch.look()).rejects.toThrow("away");
  await watch.look();
  expect(told).toHaveLength(1);
});

it("tells nothing of what was removed meanwhile", async () => {
  const { watch, told } = watching({ bytes: async () => 200 * MIB });
  watch.stop();
  await watch.look();
  expect(told).toEqual([]);
});
