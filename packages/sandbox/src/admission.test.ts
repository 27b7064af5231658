import { SandboxLimits } from "@headrace/domain";
import { describe, expect, it } from "vitest";
import { Admission, capacityOf, needOf } from "./admission.ts";

const GIB = 1024 ** 3;
const CAPACITY = { memoryMb: 10_000, cpus: 8 };

const admission = (capacity = CAPACITY) => {
  const warnings: string[] = [];
  let shortages = 0;
  const line = new Admission(capacity, {
    onWarning: (text) => warnings.push(text),
    onShortage: () => {
      shortages += 1;
    },
  });
  return { line, warnings, shortages: () => shortages };
};

const claim = (run: string, memoryMb: number, cpus = 1) => ({ run, memoryMb, cpus });
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Follows who was let in, in order. */
const entering = async (line: Admission, names: Record<string, ReturnType<typeof claim>>) => {
  const order: string[] = [];
  const rooms = new Map<string, Disposable>();
  for (const [name, wanted] of Object.entries(names)) {
    void line.enter(wanted).then((room) => {
      order.push(name);
      rooms.set(name, room);
    });
    await settled();
  }
  const release = async (name: string) => {
    rooms.get(name)?.[Symbol.dispose]();
    await settled();
  };
  return { order, release };
};

describe("the room that sandboxes get", () => {
  it.each([
    [2, 1024],
    [4, 3072],
    [8, 6553],
    [64, 52_428],
  ])("of an engine with %i GB is %i MB", (gib, memoryMb) => {
    expect(capacityOf({ memoryBytes: gib * GIB, cpus: 4 })).toEqual({ memoryMb, cpus: 8 });
  });

  it("is taken by services and what holds their network as well", () => {
    const limits = SandboxLimits.parse({ memoryMb: 2048, cpus: 2 });
    const service = { name: "db", image: "postgres", env: {}, memoryMb: 512 };
    expect(needOf(limits)).toEqual({ memoryMb: 2048, cpus: 2 });
    expect(needOf(limits, [service, service])).toEqual({ memoryMb: 2048 + 1024 + 32, cpus: 4 });
  });
});

describe("admission", () => {
  it("lets the next in when room is given back, and counts a room given back twice once", async () => {
    const { line } = admission();
    const { order, release } = await entering(line, {
      a: claim("r", 6000),
      b: claim("r", 6000),
      c: claim("r", 6000),
    });
    expect(order).toEqual(["a"]);
    await release("a");
    await release("a");
    expect(order).toEqual(["a", "b"]);
  });

  it("counts processors too", async () => {
    const { line } = admission();
    const { order } = await entering(line, { a: claim("r", 1, 5), b: claim("r", 1, 5) });
    expect(order).toEqual(["a"]);
  });

  it("lets in who has less than an equal share although others have all processors, but never all memory", async () => {
    const { line } = admission();
    const { order, release } = await entering(line, {
      a: claim("greedy", 4000, 4),
      b: claim("greedy", 4000, 4),
      c: claim("greedy", 1, 1),
      honest: claim("honest", 1900, 2),
      second: claim("honest", 100, 2),
      third: claim("honest", 1, 1),
      other: claim("other", 1000, 1),
    });
    // `c` and `third` wait for processors, `other` for memory
    expect(order).toEqual(["a", "b", "honest", "second"]);
    await release("honest");
    expect(order).toEqual(["a", "b", "honest", "second", "other", "third"]);
  });

  it("shares processors between runs: the more sandboxes a run has, the less each further one weighs", async () => {
    const { line } = admission();
    const rooms = [];
    for (let n = 0; n < 8; n++) rooms.push(await line.enter(claim("r", 1)));
    const shares = rooms.map(({ cpuShares }) => cpuShares);
    expect(shares).toEqual([1024, 512, 341, 256, 204, 170, 146, 128]);
    expect((await line.enter(claim("other", 1))).cpuShares).toBe(1024);
    for (const room of rooms) room[Symbol.dispose]();
    expect(line.enterFree(claim("r", 1))?.cpuShares).toBe(1024);
  });

  it("gives the turn to the run that holds least, so that many sandboxes of one starve no other", async () => {
    const { line } = admission();
    const greedy = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [`g${i}`, claim("greedy", 5000)]),
    );
    const { order, release } = await entering(line, { ...greedy, late: claim("other", 5000) });
    expect(order).toEqual(["g0", "g1"]);
    await release("g0");
    expect(order).toEqual(["g0", "g1", "late"]);
  });

  it("lets nobody overtake whose turn it is, however small", async () => {
    const { line } = admission();
    const { order, release } = await entering(line, {
      a: claim("r", 6000),
      large: claim("r", 9000),
      small: claim("r", 100),
    });
    expect(order).toEqual(["a"]);
    await release("a");
    expect(order).toEqual(["a", "large", "small"]);
  });

  it("lets one that is larger than everything in alone, and tells of it once", async () => {
    const { line, warnings } = admission();
    const { order, release } = await entering(line, {
      small: claim("r", 100),
      huge: claim("r", 20_000),
      next: claim("r", 20_000),
    });
    expect(order).toEqual(["small"]);
    await release("small");
    expect(order).toEqual(["small", "huge"]);
    await release("huge");
    expect(order).toEqual(["small", "huge", "next"]);
    expect(warnings).toEqual([expect.stringMatching(/20000 MB.*10000 MB.*runs alone.*`memory`/)]);
  });

  it("lets who gives up leave the line, and those behind it move up", async () => {
    const { line } = admission();
    const gone = new AbortController();
    const first = await line.enter(claim("r", 6000));
    const given = line.enter(claim("r", 9000), gone.signal);
    const { order } = await entering(line, { behind: claim("r", 100) });
    gone.abort(new Error("run cancelled"));
    await expect(given).rejects.toThrow("run cancelled");
    await settled();
    expect(order).toEqual(["behind"]);
    await expect(line.enter(claim("r", 1), gone.signal)).rejects.toThrow("run cancelled");
    first[Symbol.dispose]();
  });

  it("has free room for what may be taken back only while nobody waits, and asks for it when somebody does", async () => {
    const { line, shortages } = admission();
    const spare = line.enterFree(claim("r", 6000));
    expect(spare).toBeDefined();
    expect(line.enterFree(claim("r", 6000))).toBeUndefined();
    const { order } = await entering(line, { a: claim("r", 6000) });
    expect([order, shortages()]).toEqual([[], 1]);
    expect(line.enterFree(claim("r", 100))).toBeUndefined();
    spare?.[Symbol.dispose]();
    await settled();
    expect(order).toEqual(["a"]);
  });

  it.each(Array.from({ length: 60 }, (_, seed) => seed))(
    "is never over memory, nor one run over processors, loses no turn and starves no run, whatever comes (seed %i)",
    async (seed) => {
      const random = generator(seed);
      const { line } = admission();
      const inside = new Set<ReturnType<typeof claim>>();
      const passed: string[] = [];
      let asked = 0;
      let left = 0;
      const sandbox = async () => {
        const wanted = claim(`run-${random(4)}`, 1 + random(11_000), 1 + random(4));
        const cancel = new AbortController();
        asked += 1;
        if (random(5) === 0) setTimeout(() => cancel.abort(new Error("gone")), random(4));
        try {
          const room = await line.enter(wanted, cancel.signal);
          inside.add(wanted);
          const total = (of: "memoryMb" | "cpus") =>
            [...inside].reduce((sum, one) => sum + one[of], 0);
          if (inside.size > 1) expect(total("memoryMb")).toBeLessThanOrEqual(CAPACITY.memoryMb);
          const alone = inside.size > 1 && new Set([...inside].map(({ run }) => run)).size === 1;
          if (alone) expect(total("cpus")).toBeLessThanOrEqual(CAPACITY.cpus);
          await new Promise((resolve) => setTimeout(resolve, random(3)));
          inside.delete(wanted);
          room[Symbol.dispose]();
          passed.push(wanted.run);
        } catch (error) {
          expect((error as Error).message).toBe("gone");
          left += 1;
        }
      };
      await Promise.all(Array.from({ length: 40 }, sandbox));
      expect(passed.length + left).toBe(asked);
      // nothing is held any more: all of it is free at once
      expect(line.enterFree(claim("r", CAPACITY.memoryMb, CAPACITY.cpus))).toBeDefined();
    },
  );
});

/** Numbers below `n`, the same for the same seed (xorshift). */
const generator = (seed: number) => {
  let state = seed * 2_654_435_761 + 1;
  return (n: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
};
