import { type FactoryApi, StaleEpochError } from "@headrace/domain";
import { expect, test } from "vitest";
import { folderSandboxes } from "../support/folder-sandboxes.ts";
import { coding, workerRig } from "../support/worker-rig.ts";

/** Longer than it takes until a renewal says that the claim is lost. */
const REPLY_MS = 6_000;

test("a worker that lost its claim hears out the call it has paid for, tells what it cost, and begins nothing more", async () => {
  const told: string[] = [];
  const refused = (what: string) => (cause: unknown) => {
    told.push(`${what} ${cause instanceof StaleEpochError ? "refused" : String(cause)}`);
    throw cause;
  };
  const api = (real: FactoryApi): FactoryApi => ({
    ...real,
    renew: (fence) => real.renew(fence).catch(refused("renew")),
    settle: (...call) => real.settle(...call).catch(refused("settle")),
  });
  const write = { calls: [{ write: { path: "b.txt", content: "b\n" } }], delayMs: REPLY_MS };
  await using rig = await workerRig({
    sandboxes: folderSandboxes(),
    history: [{ "a.txt": "a\n" }],
    conversations: [{ role: "coder", task: "t1", turns: [write] }],
    api,
  });
  const { run, store, control, simulator } = rig;
  const step = await rig.request("code", coding(rig.base));
  const working = rig.deliver(step);
  await expect.poll(() => simulator.requests().length, { timeout: 10_000 }).toBe(1);
  await store.releaseClaims("w1");
  expect((await control.api.claim(run, step, "w2")).kind).toBe("claimed");

  expect(await working).toEqual({ kind: "done" });
  expect(told).toEqual(["renew refused", "settle refused"]);
  expect(simulator.requests()).toMatchObject([{ outcome: "reply" }]);
  const [call, ...more] = await store.calls(run);
  expect(more).toEqual([]);
  expect(call?.state).toBe("settled");
  expect(call?.cost).toBeGreaterThan(0);
  expect(call?.cost).toBeLessThan(call?.amount ?? 0);
  expect((await rig.state()).run.spent).toBe(call?.cost);
  const events = (await store.events(run)).map(({ type }) => type);
  expect(events.filter((type) => type.startsWith("model."))).toEqual([
    "model.called",
    "model.adjusted",
  ]);
  expect(await store.integrity()).toEqual([]);
});
