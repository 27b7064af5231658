import type { Clock } from "@headrace/domain";
import { describe, expect, it } from "vitest";
import { Slots } from "./slots.ts";

const settled = () => new Promise((resolve) => setImmediate(resolve));
const never = new AbortController().signal;

/** Stands still until time is let pass. */
const standingClock = () => {
  let ms = 0;
  const sleepers = new Set<{ until: number; wake: () => void }>();
  const clock: Clock = {
    now: () => new Date(ms),
    sleep: (wait, signal) =>
      new Promise((resolve, reject) => {
        const sleeper = { until: ms + wait, wake: resolve };
        sleepers.add(sleeper);
        const cut = () => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        if (signal?.aborted) cut();
        signal?.addEventListener("abort", cut, { once: true });
      }),
    random: () => 0,
    id: () => "id",
  };
  const pass = async (wait: number) => {
    ms += wait;
    for (const sleeper of sleepers) {
      if (sleeper.until > ms) continue;
      sleepers.delete(sleeper);
      sleeper.wake();
    }
    await settled();
  };
  return { clock, pass, sleepers };
};

const open = (count: number) => {
  const { clock, pass, sleepers } = standingClock();
  const slots = new Slots(count, clock);
  /** A slot at once, or a failed test. */
  const take = async (run: string): Promise<Disposable> => {
    const slot = await slots.take(run, never);
    if (slot instanceof Date) throw new Error(`${run} was sent away until ${slot.getTime()} ms`);
    return slot;
  };
  return { slots, pass, take, sleepers, give: (slot: Disposable) => slot[Symbol.dispose]() };
};

/** What became of an asker who may have to wait. */
const asking = async (slots: Slots, run: string, signal = never) => {
  const asker: { slot?: Disposable; away?: number } = {};
  void slots.take(run, signal).then((answer) => {
    if (answer instanceof Date) asker.away = answer.getTime();
    else asker.slot = answer;
  });
  await settled();
  return asker;
};

describe("the slots of a worker", () => {
  it("are all for one run while no other asks, and no more than they are", async () => {
    const { slots, take } = open(3);
    for (let n = 0; n < 3; n++) await take("a");
    expect(await asking(slots, "a")).toEqual({});
    expect(await asking(slots, "a")).toEqual({ away: 1000 });
  });

  it("have one more for a run that has none, whoever holds them", async () => {
    const { slots, take } = open(2);
    await take("a");
    await take("a");
    await take("b");
    expect((await asking(slots, "b")).away).toBeDefined();
    await take("c");
    expect(slots.deliveries).toBe(4);
  });

  it("go at once to who waits for the next one", async () => {
    const { slots, take, give, sleepers } = open(1);
    const first = await take("a");
    const waiting = await asking(slots, "a");
    give(first);
    await settled();
    expect(waiting.slot).toBeDefined();
    expect(sleepers.size).toBe(0);
    expect(await asking(slots, "a")).toEqual({});
  });

  it("are waited for by the run that has least, and the one that has more comes again", async () => {
    const { slots, take, give } = open(4);
    const [first] = [await take("a"), await take("a"), await take("a"), await take("b")];
    const greedy = await asking(slots, "a");
    const modest = await asking(slots, "b");
    expect(greedy.away).toBeDefined();
    expect((await asking(slots, "a")).away).toBeDefined();
    give(first);
    await settled();
    expect(modest.slot).toBeDefined();
  });

  it("are waited for here a moment only, for another worker may have one", async () => {
    const { slots, take, pass } = open(1);
    await take("a");
    const waiting = await asking(slots, "a");
    await pass(999);
    expect(waiting).toEqual({});
    await pass(1);
    expect(waiting).toEqual({ away: 1100 });
  });

  it("are asked for again one after the other by those of a run that were sent away", async () => {
    const { slots, take } = open(1);
    await take("a");
    await asking(slots, "a");
    const away = [];
    for (let n = 0; n < 20; n++) away.push((await asking(slots, "a")).away);
    expect(away).toEqual(Array.from({ length: 20 }, (_, n) => 1000 + n * 100));
  });

  it("are no longer waited for once the worker stops", async () => {
    const { slots, take } = open(1);
    await take("a");
    const stop = new AbortController();
    const waiting = await asking(slots, "a", stop.signal);
    stop.abort(new Error("the worker stops"));
    await settled();
    expect(waiting.away).toBeDefined();
  });

  it("that a spare one stood in for are not given twice", async () => {
    const { slots, take, give } = open(2);
    const first = await take("a");
    await take("a");
    await take("b");
    give(first);
    expect(await asking(slots, "a")).toEqual({});
    expect((await asking(slots, "a")).away).toBeDefined();
  });

  it("come at once to a run whose only job ended while another of it waited, though a spare one is in use", async () => {
    const { slots, take, give } = open(2);
    await take("a");
    const only = await take("b");
    const waiting = await asking(slots, "b");
    await take("c");
    give(only);
    await settled();
    expect(waiting.slot).toBeDefined();
  });
});
