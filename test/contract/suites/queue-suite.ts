import { setTimeout as sleep } from "node:timers/promises";
import type { Job, JobOutcome, Lane, Queue } from "@headrace/domain";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

export type QueueFixture = AsyncDisposable & {
  queue: Queue;
  /** what was told to `onError` */
  errors: readonly string[];
  /** makes the queue believe that the consumer of this running job has died */
  loseLock(id: string): Promise<void>;
};

const SOON = { timeout: 15_000, interval: 20 };

const job = (id: string, lane: Lane = "work"): Job => ({
  id,
  lane,
  run: "r1",
  step: `r1-t1-${id}`,
});

const done: JobOutcome = { kind: "done" };

/** Ends when the signal is aborted, as a well-behaved handler does. */
const untilAborted = (signal: AbortSignal): Promise<JobOutcome> =>
  new Promise((resolve) => {
    const end = () => resolve({ kind: "infrastructure", reason: String(signal.reason) });
    signal.addEventListener("abort", end, { once: true });
  });

/** A promise and the way to fulfil it. */
const gate = () => Promise.withResolvers<void>();

/** What every `Queue` does, whatever it is made of. */
export const queueSuite = (name: string, make: () => Promise<QueueFixture>): void => {
  describe(`${name} as a queue`, () => {
    let fixture: QueueFixture;
    let queue: Queue;
    beforeEach(async () => {
      fixture = await make();
      queue = fixture.queue;
    });
    afterEach(async () => {
      await fixture[Symbol.asyncDispose]();
    });

    it("delivers a job with all its fields and forgets it once it is done", async () => {
      const seen: Job[] = [];
      await queue.consume("work", 1, async (delivered) => {
        seen.push(delivered);
        return done;
      });
      await queue.add(job("a-1"));
      await vi.waitFor(() => expect(seen).toEqual([job("a-1")]), SOON);
      await vi.waitFor(async () => expect(await queue.present(["a-1"])).toEqual(new Set()), SOON);
    });

    it("delivers jobs that were added before anyone consumed", async () => {
      await queue.add(job("a-1"));
      const handler = vi.fn(async () => done);
      await queue.consume("work", 1, handler);
      await vi.waitFor(() => expect(handler).toHaveBeenCalledOnce(), SOON);
    });

    it("changes nothing when the id of a waiting, delayed or active job is added again", async () => {
      const { promise, resolve } = gate();
      const seen: string[] = [];
      await queue.add(job("delayed-1"), 600);
      await queue.add(job("delayed-1"));
      await queue.add(job("waiting-1"));
      await queue.add(job("waiting-1"));
      await queue.consume("work", 2, async ({ id }) => {
        seen.push(id);
        if (id === "waiting-1") await promise;
        return done;
      });
      await vi.waitFor(() => expect(seen).toEqual(["waiting-1"]), SOON);
      await queue.add(job("waiting-1"));
      await vi.waitFor(() => expect(seen).toEqual(["waiting-1", "delayed-1"]), SOON);
      resolve();
      await vi.waitFor(async () => expect(await queue.present(seen)).toEqual(new Set()), SOON);
      expect(seen).toEqual(["waiting-1", "delayed-1"]);
    });

    it("delivers an id again when it is added after its job was done", async () => {
      const handler = vi.fn(async () => done);
      await queue.consume("work", 1, handler);
      for (const times of [1, 2]) {
        await queue.add(job("a-1"));
        await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(times), SOON);
        await vi.waitFor(async () => expect(await queue.present(["a-1"])).toEqual(new Set()), SOON);
      }
    });

    it("delivers jobs of a smaller priority first, and equal ones in the order they came", async () => {
      const seen: string[] = [];
      await queue.add(job("last-1"), 0, 7);
      await queue.add(job("next-1"), 0, 2);
      await queue.add(job("next-2"), 0, 2);
      await queue.add(job("first-1"));
      expect(await queue.present(["last-1", "first-1"])).toEqual(new Set(["last-1", "first-1"]));
      await queue.consume("work", 1, async ({ id }) => {
        seen.push(id);
        return done;
      });
      await vi.waitFor(() => expect(seen).toHaveLength(4), SOON);
      expect(seen).toEqual(["first-1", "next-1", "next-2", "last-1"]);
    });

    it("keeps the priority of a job that its handler puts off", async () => {
      const seen: string[] = [];
      await queue.add(job("urgent-1"), 0, 1);
      await queue.add(job("later-1"), 0, 5);
      await queue.add(job("later-2"), 0, 5);
      await queue.consume("work", 1, async ({ id }) => {
        seen.push(id);
        if (seen.length === 1) return { kind: "retry-at", at: new Date(), reason: "no slot" };
        // by the end of it the first is due again
        await sleep(50);
        return done;
      });
      await vi.waitFor(() => expect(seen).toHaveLength(4), SOON);
      expect(seen.indexOf("urgent-1", 1)).toBeLessThan(seen.indexOf("later-2"));
    });

    it("holds a job back until its delay is over", async () => {
      const handler = vi.fn(async () => done);
      await queue.consume("work", 1, handler);
      const added = Date.now();
      await queue.add(job("a-1"), 400);
      expect(await queue.present(["a-1"])).toEqual(new Set(["a-1"]));
      await vi.waitFor(() => expect(handler).toHaveBeenCalledOnce(), SOON);
      expect(Date.now() - added).toBeGreaterThanOrEqual(395);
    });

    it("delivers a job again at the time its handler asked for", async () => {
      const deliveries: number[] = [];
      let at = new Date(0);
      await queue.consume("work", 1, async () => {
        deliveries.push(Date.now());
        if (deliveries.length > 1) return done;
        at = new Date(Date.now() + 500);
        return { kind: "retry-at", at, reason: "another delivery holds the lease" };
      });
      await queue.add(job("a-1"));
      await vi.waitFor(() => expect(deliveries).toHaveLength(1), SOON);
      expect(await queue.present(["a-1"])).toEqual(new Set(["a-1"]));
      await vi.waitFor(() => expect(deliveries).toHaveLength(2), SOON);
      expect(deliveries[1]).toBeGreaterThanOrEqual(at.getTime() - 5);
      await vi.waitFor(async () => expect(await queue.present(["a-1"])).toEqual(new Set()), SOON);
    });

    it.each<[string, () => Promise<JobOutcome>]>([
      ["lost to infrastructure", async () => ({ kind: "infrastructure", reason: "no engine" })],
      ["fatal", async () => ({ kind: "fatal", reason: "no such image" })],
      ["ended by a throwing handler", () => Promise.reject(new Error("a defect"))],
    ])("forgets a job that was %s, so that its id can be added again", async (_, end) => {
      const handler = vi.fn(end);
      await queue.consume("work", 1, handler);
      await queue.add(job("a-1"));
      await vi.waitFor(() => expect(handler).toHaveBeenCalledOnce(), SOON);
      await vi.waitFor(async () => expect(await queue.present(["a-1"])).toEqual(new Set()), SOON);
      await queue.add(job("a-1"));
      await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(2), SOON);
    });

    it("knows which jobs are waiting, delayed or active, and no others", async () => {
      const { promise, resolve } = gate();
      const handler = vi.fn(async () => {
        await promise;
        return done;
      });
      await queue.consume("work", 1, handler);
      await queue.add(job("active-1"));
      await vi.waitFor(() => expect(handler).toHaveBeenCalledOnce(), SOON);
      await queue.add(job("waiting-1"));
      await queue.add(job("delayed-1", "control"), 60_000);
      const asked = ["active-1", "waiting-1", "delayed-1", "unknown-1"];
      expect(await queue.present(asked)).toEqual(new Set(asked.slice(0, 3)));
      expect(await queue.present([])).toEqual(new Set());
      resolve();
    });

    it("runs as many handlers at once as the concurrency allows, and no more", async () => {
      let running = 0;
      let most = 0;
      let ended = 0;
      await queue.consume("work", 2, async () => {
        running += 1;
        most = Math.max(most, running);
        await sleep(30);
        running -= 1;
        ended += 1;
        return done;
      });
      await Promise.all(Array.from({ length: 8 }, (_, i) => queue.add(job(`a-${i}`))));
      await vi.waitFor(() => expect(ended).toBe(8), SOON);
      expect(most).toBe(2);
    });

    it("keeps the lanes apart", async () => {
      const seen: string[] = [];
      const consume = (lane: Lane) =>
        queue.consume(lane, 1, async (delivered) => {
          seen.push(`${lane} ${delivered.lane} ${delivered.id}`);
          return done;
        });
      await queue.add(job("w-1"));
      await queue.add(job("c-1", "control"));
      await consume("control");
      await vi.waitFor(() => expect(seen).toEqual(["control control c-1"]), SOON);
      expect(await queue.present(["w-1"])).toEqual(new Set(["w-1"]));
      await consume("work");
      await vi.waitFor(() => expect(seen).toEqual(["control control c-1", "work work w-1"]), SOON);
    });

    it("leaves a handler alone whose lock is lost, tells it once and delivers the job again beside it", async () => {
      const signals: AbortSignal[] = [];
      const first = gate();
      const second = gate();
      await queue.consume("work", 2, async (_, signal) => {
        signals.push(signal);
        await (signals.length === 1 ? first : second).promise;
        return done;
      });
      await queue.add(job("a-1"));
      await vi.waitFor(() => expect(signals).toHaveLength(1), SOON);
      await fixture.loseLock("a-1");
      await vi.waitFor(() => expect(signals).toHaveLength(2), SOON);
      await vi.waitFor(() => expect(fixture.errors).toHaveLength(1), SOON);
      expect(signals[0]?.aborted).toBe(false);
      first.resolve();
      await sleep(100);
      expect(await queue.present(["a-1"])).toEqual(new Set(["a-1"]));
      second.resolve();
      await vi.waitFor(async () => expect(await queue.present(["a-1"])).toEqual(new Set()), SOON);
      expect(fixture.errors).toEqual([expect.stringContaining("lost the lock of job a-1")]);
    });

    it("does not heed what a handler without its lock asks for", async () => {
      const first = gate();
      const second = gate();
      let deliveries = 0;
      await queue.consume("work", 2, async () => {
        deliveries += 1;
        if (deliveries > 1) return second.promise.then(() => done);
        await first.promise;
        return { kind: "retry-at", at: new Date(), reason: "from the delivery that lost its lock" };
      });
      await queue.add(job("a-1"));
      await vi.waitFor(() => expect(deliveries).toBe(1), SOON);
      await fixture.loseLock("a-1");
      await vi.waitFor(() => expect(deliveries).toBe(2), SOON);
      first.resolve();
      await sleep(100);
      second.resolve();
      await vi.waitFor(async () => expect(await queue.present(["a-1"])).toEqual(new Set()), SOON);
      expect(deliveries).toBe(2);
      expect(fixture.errors).toEqual([expect.stringContaining("lost the lock of job a-1")]);
    });

    it("lets handlers end by themselves while a consumer closes", async () => {
      const { promise, resolve } = gate();
      let signal: AbortSignal | undefined;
      const consumer = await queue.consume("work", 1, async (_, s) => {
        signal = s;
        await promise;
        return done;
      });
      await queue.add(job("a-1"));
      await vi.waitFor(() => expect(signal).toBeDefined(), SOON);
      const closed = consumer.close(10_000);
      await queue.add(job("a-2"));
      resolve();
      await closed;
      expect(signal?.aborted).toBe(false);
      expect(await queue.present(["a-1", "a-2"])).toEqual(new Set(["a-2"]));
    });

    it("aborts handlers that outlast the grace of a closing consumer, and waits for them", async () => {
      let ended = false;
      const handler = vi.fn(async (_: Job, signal: AbortSignal) => {
        const outcome = await untilAborted(signal);
        await sleep(50);
        ended = true;
        return outcome;
      });
      const consumer = await queue.consume("work", 1, handler);
      await queue.add(job("a-1"));
      await vi.waitFor(() => expect(handler).toHaveBeenCalledOnce(), SOON);
      await consumer.close(50);
      expect(ended).toBe(true);
      expect(await queue.present(["a-1"])).toEqual(new Set());
    });

    it("ends its consumers when it is closed itself", async () => {
      const handler = vi.fn((_: Job, signal: AbortSignal) => untilAborted(signal));
      await queue.consume("work", 1, handler);
      await queue.add(job("a-1"));
      await vi.waitFor(() => expect(handler).toHaveBeenCalledOnce(), SOON);
      await queue.close();
      expect(handler.mock.calls[0]?.[1].aborted).toBe(true);
    });

    it.each(["a:b", "12", "", "A-1"])("refuses the job id %j", async (id) => {
      await expect(queue.add(job(id))).rejects.toThrow("expected a job id");
    });
  });
};
