import { Id } from "@headrace/domain";
import { expect, it } from "vitest";
import { createClock } from "./system-clock.ts";

const clock = createClock();

it("makes ids that fit refs and job ids, begin with a letter and do not repeat", () => {
  const ids = Array.from({ length: 2000 }, clock.id);
  for (const id of ids) {
    expect(Id.parse(id)).toBe(id);
    expect(id).toMatch(/^[a-z][a-z0-9]{11}$/);
  }
  expect(new Set(ids).size).toBe(ids.length);
});

it("sleeps for the time asked", async () => {
  const before = performance.now();
  await clock.sleep(30);
  expect(performance.now() - before).toBeGreaterThanOrEqual(29);
});

it("stops sleeping with the signal's own reason, also when it was aborted before", async () => {
  const reason = new Error("shut down");
  const controller = new AbortController();
  const asleep = clock.sleep(60_000, controller.signal);
  controller.abort(reason);
  await expect(asleep).rejects.toBe(reason);
  await expect(clock.sleep(60_000, controller.signal)).rejects.toBe(reason);
});

it("does not wake at once from a sleep longer than a timer can hold", async () => {
  const controller = new AbortController();
  const asleep = clock.sleep(2 ** 40, controller.signal).then(() => "woke");
  const first = await Promise.race([asleep, clock.sleep(20).then(() => "still asleep")]);
  controller.abort();
  await expect(asleep).rejects.toThrow();
  expect(first).toBe("still asleep");
});
