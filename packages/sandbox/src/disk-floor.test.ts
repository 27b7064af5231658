import { InfrastructureError } from "@headrace/domain";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DiskFloor, type Space } from "./disk-floor.ts";
import type { Exceeded } from "./disk-watch.ts";

const GIB = 1024 ** 3;
const SOON = { timeout: 10_000, interval: 20 };

/** A disk of which writers hold some, each what the test says, some of it unseen. */
class Disk {
  readonly ended: string[] = [];
  readonly verdicts = new Map<string, Promise<Exceeded>>();
  readonly warnings: string[] = [];
  rested = 0;
  #writers: { name: string; seen: number; hidden: number; weight: number }[] = [];
  readonly #total: number;

  constructor(total: number) {
    this.#total = total;
  }

  add(name: string, holds: { seen?: number; hidden?: number; weight: number }): void {
    this.#writers.push({ name, seen: 0, hidden: 0, ...holds });
  }

  readonly look = async (): Promise<Space> => {
    const held = this.#writers.reduce((sum, { seen, hidden }) => sum + seen + hidden, 0);
    return {
      bytes: { free: this.#total - held, total: this.#total },
      files: { free: 0, total: 0 },
    };
  };

  readonly rest = async (): Promise<void> => {
    this.rested += 1;
  };

  readonly writers = () =>
    this.#writers
      .filter(({ name }) => !this.ended.includes(name))
      .map((writer) => ({
        diskMb: 1024,
        weight: async () => writer.weight,
        size: async () => writer.seen,
        end: async (judged: Promise<Exceeded>) => {
          judged.catch(() => {});
          this.ended.push(writer.name);
          this.verdicts.set(writer.name, judged);
          writer.hidden = 0;
        },
        remove: async () => {
          writer.seen = 0;
        },
      }));
}

const floorOf = (disk: Disk): DiskFloor =>
  new DiskFloor({
    look: disk.look,
    rest: disk.rest,
    writers: disk.writers,
    reserve: undefined,
    onWarning: (message) => disk.warnings.push(message),
  });

const room = () => ({
  [Symbol.dispose]: vi.fn(),
});

describe("a disk with too little free", () => {
  it("is told at the door with what to do, and the room is given back", async () => {
    const disk = new Disk(100 * GIB);
    disk.add("other", { seen: 96 * GIB, weight: 0 });
    const entering = room();
    const refused = floorOf(disk).guard(entering);
    await expect(refused).rejects.toThrow(InfrastructureError);
    await expect(refused).rejects.toThrow(
      /nearly full \(4\.0 GiB of 100\.0 GiB are free, and 5\.0 GiB have to be\).*docker system prune/,
    );
    expect(entering[Symbol.dispose]).toHaveBeenCalledOnce();
  });

  it("is one of a few gigabytes as well, and never of more than ten for a large one", async () => {
    const small = new Disk(8 * GIB);
    small.add("other", { seen: 6.1 * GIB, weight: 0 });
    await expect(floorOf(small).guard(room())).rejects.toThrow(/nearly full/);
    const large = new Disk(4000 * GIB);
    large.add("other", { seen: 3980 * GIB, weight: 0 });
    using _held = await floorOf(large).guard(room());
  });
});

it("a disk has all but its reserve for sandboxes, whatever is free of it now", async () => {
  const disk = new Disk(100 * GIB);
  disk.add("other", { seen: 60 * GIB, weight: 0 });
  expect(await floorOf(disk).mostMb()).toBe(95 * 1024);
});

describe("a disk that fills", () => {
  let held: Disposable | undefined;
  afterEach(() => held?.[Symbol.dispose]());

  it("ends the heaviest writer alone where that is enough, and judges it by what came free", async () => {
    const disk = new Disk(100 * GIB);
    held = await floorOf(disk).guard(room());
    disk.add("honest", { seen: GIB, weight: 5 });
    disk.add("greedy", { hidden: 96 * GIB, weight: 10 });
    await vi.waitFor(() => expect(disk.ended).toEqual(["greedy"]), SOON);
    const verdict = await disk.verdicts.get("greedy");
    expect(verdict).toMatchObject({
      limit: "disk",
      message: expect.stringMatching(/held more than 1024 MB.*deleted and still open/),
    });
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(disk.ended).toEqual(["greedy"]);
  });

  it("by others ends one after the other, none of which is to blame, and takes what they wrote", async () => {
    const disk = new Disk(100 * GIB);
    held = await floorOf(disk).guard(room());
    disk.add("first", { seen: 0.9 * GIB, weight: 10 });
    disk.add("second", { seen: 0.5 * GIB, weight: 5 });
    disk.add("third", { seen: 0.5 * GIB, weight: 1 });
    disk.add("others", { seen: 94.1 * GIB, weight: 0 });
    disk.ended.push("others");
    await vi.waitFor(() => expect(disk.ended).toContain("second"), SOON);
    await expect(disk.verdicts.get("first")).rejects.toThrow(
      /^a sandbox was ended because .* nearly full/,
    );
    expect(disk.ended).not.toContain("third");
    expect(disk.warnings[0]).toMatch(/a sandbox was ended because/);
  });
});
