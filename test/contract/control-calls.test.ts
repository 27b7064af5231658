import {
  type CallRequest,
  type FailureClass,
  type Fence,
  fromUsd,
  type Settlement,
  StaleEpochError,
  type Store,
} from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { type ControlRigOptions, controlRig } from "../support/control-rig.ts";
import { BEYOND_LEASE_MS, callFor, failed, replied, SONNET } from "./suites/factory-api-context.ts";

/** A store of which some methods are others. */
const changed = (store: Store, own: Partial<Store>): Store =>
  new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(own, name) ?? Reflect.get(target, name);
      return typeof method === "function" ? method.bind(target) : method;
    },
  });

/** A coder's claim in a run of its own. */
const coding = async (options: ControlRigOptions = {}) => {
  const rig = await controlRig(options);
  const { submission, pack } = await rig.submission();
  const { commands, api } = rig.control;
  const { run } = await commands.submit({ ...submission, budget: fromUsd(100) }, pack);
  const step = `${run}-code`;
  const input = { kind: "agent", role: "coder", commit: submission.base, attempt: 1 } as const;
  const agent = { ...input, conversation: 1, brief: {} };
  const thread = { kind: "plan" as const, id: "plan" };
  await rig.store.append(run, [
    { type: "step.requested", step, thread, subject: "plan", input: agent },
  ]);
  const reply = await api.claim(run, step, "w1");
  if (reply.kind !== "claimed") throw new Error(JSON.stringify(reply));
  const { fence } = reply.claim;
  const reserve = (call: CallRequest, of: Fence = fence) => api.reserve(of, call);
  const granted = async (call = callFor()) => {
    const grant = await reserve(call);
    if (grant.kind !== "granted") throw new Error(JSON.stringify(grant));
    return grant.call;
  };
  return {
    rig,
    run,
    fence,
    reserve,
    granted,
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
};

type Given = Awaited<ReturnType<typeof coding>>;

test("a call that is held is handed out, whatever else cannot be written", async () => {
  const full = async () => {
    throw new Error("the disk is full");
  };
  await using given = await coding({ store: (real) => changed(real, { recordDemand: full }) });
  const { prefix } = callFor();
  const call = await given.granted(callFor({ prefix }));
  expect(await given.rig.store.calls(given.run)).toMatchObject([{ id: call, state: "open" }]);
  const { demand } = await given.rig.store.exhaust(given.run);
  expect(demand).toMatchObject([{ decision: { outcome: "chosen" } }]);
  await expect(given.reserve(callFor({ prefix }))).rejects.toThrow("the disk is full");
  expect(await given.rig.store.calls(given.run)).toHaveLength(1);
});

test("an invalid request is the candidate's own until it has replied in the run, and then the prompt's", async () => {
  await using given = await coding();
  const { api } = given.rig.control;
  const invalid = async () => {
    const call = callFor();
    await api.settle(given.fence, await given.granted(call), failed("invalid"));
    return given.reserve(call);
  };
  const locked = await invalid();
  expect(locked).toMatchObject({ kind: "unavailable" });
  expect(locked).toMatchObject({ reason: expect.stringContaining("headrace resume") });
  await api.settle(given.fence, await given.granted(), replied());
  expect((await invalid()).kind).toBe("invalid");
});

test("a call that cannot be held has no place, neither where the store fails nor where its worst case has no number", async () => {
  let fails = true;
  const store = (real: Store) =>
    changed(real, {
      async reserve(...of) {
        if (fails) throw new Error("the disk is full");
        return real.reserve(...of);
      },
    });
  await using given = await coding({ store });
  const { prefix } = callFor();
  await expect(given.reserve(callFor({ prefix }))).rejects.toThrow("the disk is full");
  fails = false;
  const counted = [{ candidate: SONNET, tokens: 0.5 }];
  await expect(given.reserve(callFor({ prefix, counted }))).rejects.toThrow();
  expect(await given.rig.store.calls(given.run)).toEqual([]);
  // else it would wait for the first one's reply
  await given.granted(callFor({ prefix }));
});

test("a count above what a request's bytes can make is not believed", async () => {
  await using given = await coding();
  const counted = [{ candidate: SONNET, tokens: 1e10 }];
  await given.granted(callFor({ inputBound: 10_000, counted }));
  const [row] = await given.rig.store.calls(given.run);
  // 10,000 tokens written to the cache at $3.75 a million, and 16,000 of output at $15
  expect(row).toMatchObject({
    tokens: 26_000,
    amount: 10_000 * 3_750_000 + 16_000 * 15_000_000,
  });
});

test("an ask that one thing after another keeps waiting is told once of each, however often they take turns", async () => {
  await using given = await coding();
  const { rig } = given;
  const { prefix } = callFor();
  const waiting = callFor({ prefix });
  for (let round = 0; round < 30; round++) {
    const first = await given.granted(callFor({ prefix }));
    expect((await given.reserve(waiting)).kind).toBe("wait");
    const until = new Date(rig.clock.now().getTime() + 1_000).toISOString();
    await rig.control.api.settle(given.fence, first, failed("rate", { until }));
    expect((await given.reserve(waiting)).kind).toBe("wait");
    rig.clock.advance(1_000);
    await rig.control.api.renew(given.fence);
  }
  const { demand } = await rig.store.exhaust(given.run);
  const told = demand.filter(({ ask }) => ask === waiting.ask);
  expect(told.map(({ decision }) => decision.considered.map(({ why }) => why))).toEqual([
    ["prefix-held"],
    ["rate-limited"],
    // each rate limit has halved how many calls there may be at once
    ["busy"],
  ]);
});

test.each<[FailureClass, "granted" | "deferred"]>([
  ["auth", "granted"],
  ["gone", "granted"],
  ["credit", "granted"],
  ["rate", "deferred"],
  ["server", "deferred"],
])(
  "whoever submits another run has its provider asked again, but not before the time that it stated (%s: %s)",
  async (kind, next) => {
    await using given = await coding();
    const { rig, fence, reserve } = given;
    const until = new Date(rig.clock.now().getTime() + 50 * 60_000).toISOString();
    await rig.control.api.settle(fence, await given.granted(), failed(kind, { until }));
    const { submission, pack } = await rig.submission();
    await rig.control.commands.submit(submission, pack);
    const answer = await reserve(callFor());
    expect(answer).toMatchObject({ kind: next, ...(next === "deferred" ? { until } : {}) });
    await rig.control.commands.resume(given.run);
    expect((await reserve(callFor())).kind).toBe("granted");
  },
);

test("what calls are decided and classed from does not grow with the run: of its calls and exhaust nothing is read whole for them", async () => {
  const read = { calls: 0, exhaust: 0 };
  const store = (real: Store) =>
    changed(real, {
      async calls(run) {
        read.calls += 1;
        return real.calls(run);
      },
      async exhaust(run) {
        read.exhaust += 1;
        return real.exhaust(run);
      },
    });
  await using given = await coding({ store });
  const { rig, run, fence } = given;
  for (let turn = 1; turn <= 20; turn++) {
    const call = await given.granted(callFor({ turn }));
    await rig.control.api.settle(fence, call, replied(undefined, turn));
  }
  expect(read).toEqual({ calls: 0, exhaust: 0 });

  await rig.control.commands.cancel(run, "enough");
  await rig.control.start();
  await expect.poll(() => rig.store.classed(run)).toHaveLength(20);
  await rig.control.stop();
  expect(read).toEqual({ calls: 1, exhaust: 0 });
});

test("a granted call that is not sent costs nothing, is no try and no failure, and its place is free", async () => {
  await using given = await coding();
  const { rig, run, fence } = given;
  const { prefix } = callFor();
  const call = await given.granted(callFor({ prefix }));
  for (const _ of ["once", "again"]) await rig.control.api.settle(fence, call, { kind: "unsent" });
  expect(await rig.store.calls(run)).toMatchObject([{ state: "released", cost: 0 }]);
  expect((await rig.store.exhaust(run)).tries).toEqual([]);
  const events = (await rig.store.events(run)).map(({ type }) => type);
  expect(events.filter((type) => type.startsWith("model."))).toEqual([]);
  await given.granted(callFor({ prefix }));
});

describe("a worker that lost its claim", () => {
  /** A call whose worker tells of it when another has its step. */
  const late = async (settlement: Settlement, meanwhile?: (given: Given) => Promise<unknown>) => {
    await using given = await coding();
    const { rig, run, fence } = given;
    const call = await given.granted();
    rig.clock.advance(BEYOND_LEASE_MS);
    const next = await rig.control.api.claim(run, fence.step, "w2");
    expect(next.kind).toBe("claimed");
    await meanwhile?.(given);
    for (const _ of ["once", "again"])
      await expect(rig.control.api.settle(fence, call, settlement)).rejects.toThrow(
        StaleEpochError,
      );
    const events = (await rig.store.events(run)).filter(({ type }) => type.startsWith("model."));
    const records = await rig.store.records(run, fence.step);
    const [row] = await rig.store.calls(run);
    const { spent } = (await rig.control.commands.run(run)).run;
    expect(await rig.store.integrity()).toEqual([]);
    const [account] = await rig.store.accounts([`run/${run}`]);
    const tokens = account?.settledTokens;
    // whatever is known of a call's cost, its try says the same
    const { tries } = await rig.store.exhaust(run);
    expect(tries).toMatchObject([{ call, outcome: "lost", cost: row?.cost }]);
    expect(tries[0]?.estimated ?? false).toBe(row?.state === "estimated");
    return { row, spent, tokens, records, told: events.map(({ type }) => type) };
  };
  const cost = 1_000 * 3_000_000 + 100 * 15_000_000;

  test.each<[string, ((given: Given) => Promise<unknown>) | undefined]>([
    ["after it was booked as estimated", ({ rig, run }) => rig.store.settleOrphans(run)],
    ["before anybody booked it", undefined],
  ])("has its reply thrown away and its bill corrected, %s", async (_, meanwhile) => {
    const { row, spent, tokens, records, told } = await late(replied(), meanwhile);
    expect(row).toMatchObject({ state: "settled", cost });
    expect([spent, tokens]).toEqual([cost, 1_100]);
    expect(records).toEqual([]);
    expect(told).toEqual(["model.called", "model.adjusted"]);
  });

  test("has a bill of nothing believed, and an unknown one changes nothing", async () => {
    const nothing = await late(failed("server", { billed: false }));
    expect(nothing).toMatchObject({ spent: 0, tokens: 0, row: { state: "settled" } });
    expect(nothing.row?.usage).toBeUndefined();
    expect(await late({ kind: "unsent" })).toMatchObject({ spent: 0, tokens: 0 });
    const booked = ({ rig, run }: Given) => rig.store.settleOrphans(run);
    const unknown = await late(failed("network", { billed: true }), booked);
    expect(unknown).toMatchObject({ row: { state: "estimated" }, told: ["model.called"] });
    expect([unknown.spent, unknown.tokens]).toEqual([unknown.row?.amount, unknown.row?.tokens]);
  });

  test("corrects nothing once its spend was classed", async () => {
    const classed = async ({ rig, run }: Given) => {
      await rig.store.settleOrphans(run);
      const [row] = await rig.store.calls(run);
      if (row === undefined) throw new Error("no call");
      const parts = [{ as: "waste", kind: "abandoned", amount: row.cost }] as const;
      const waste = { abandoned: row.cost };
      await rig.store.classify(
        run,
        [{ call: row.id, parts: [...parts] }],
        [{ type: "spend.classed", converted: 0, overhead: {}, waste, calls: 1 }],
      );
    };
    const { row, told } = await late(replied(), classed);
    expect(row).toMatchObject({ state: "estimated" });
    expect(told).toEqual(["model.called"]);
  });
});
