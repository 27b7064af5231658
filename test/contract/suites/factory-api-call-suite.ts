import type { CallGrant, FailureClass, Fence } from "@headrace/domain";
import { describe, expect, it } from "vitest";
import {
  apiContext,
  BEYOND_LEASE_MS,
  callFor,
  failed,
  HAIKU,
  type MakeApi,
  replied,
  reply,
  SONNET,
} from "./factory-api-context.ts";

/** What every `FactoryApi` does with the calls of models: who answers, and what became of it. */
export const factoryApiCallSuite = (name: string, make: MakeApi): void => {
  describe(`${name} as chooser of models`, () => {
    const context = apiContext(make);
    const { agent, working, granted, spent, told } = context;
    const reserve = (fence: Fence, over = {}) => context.api.reserve(fence, callFor(over));
    /** A planner's, who has a second candidate. */
    const planning = async () => (await working(agent({ role: "planner" }), "plan-1")).fence;

    it("names the candidate and the output to be sent with what it grants", async () => {
      const { fence } = await working();
      expect(await reserve(fence)).toEqual({
        kind: "granted",
        call: expect.any(String),
        candidate: expect.objectContaining({ provider: "anthropic", model: "claude-sonnet-5" }),
        maxOutput: 16_000,
      });
    });

    it("refuses a model without a price, and begins no call in a run that is paused", async () => {
      const research = await working(agent({ role: "researcher" }), "research-1");
      expect(await reserve(research.fence, { role: "researcher" })).toMatchObject({
        kind: "refused",
        why: "unpriced",
      });
      await context.fixture.pause();
      expect(await reserve(research.fence)).toMatchObject({ kind: "stopped" });
      expect(await spent()).toBe(0);
    });

    it("commits a reply once, as record, event, try and cost together", async () => {
      const { fence } = await working();
      const { call } = await granted(fence);
      await context.api.settle(fence, call, replied());
      const cost = await spent();
      // 1,000 tokens of input at $3 a million and 100 of output at $15, in pico-dollars
      expect(cost).toBe(1_000 * 3_000_000 + 100 * 15_000_000);
      await context.api.settle(fence, call, replied());
      expect(await spent()).toBe(cost);
      expect(await told("model.called")).toMatchObject([
        { call, task: "t1", attempt: 1, role: "coder", provider: "anthropic", cost },
      ]);
      const { tries } = await context.fixture.exhaust();
      expect(tries).toMatchObject([{ call, outcome: "ok", ordinal: 1, cost }]);
      await context.api.outcome(fence, { kind: "stopped", reason: "x" });
      const again = await context.api.claim(context.fixture.run, fence.step, "w2");
      expect(again).toMatchObject({ claim: { records: [{ kind: "reply", reply: reply() }] } });
    });

    it("takes what a failed call costs from what was reported, else keeps what was held", async () => {
      const { fence } = await working();
      const seen = { usage: { ...reply().usage, output: 50 } };
      const fail = async (how: Parameters<typeof failed>[1]) => {
        const before = await spent();
        const { call } = await granted(fence);
        await context.api.settle(fence, call, failed("server", how));
        context.fixture.advance(120_000);
        return { cost: (await spent()) - before, row: (await context.fixture.calls()).at(-1) };
      };
      expect(await fail({ billed: false })).toMatchObject({ cost: 0, row: { state: "released" } });
      const reported = await fail({ billed: true, seen: { state: "reported", ...seen } });
      expect(reported).toMatchObject({
        cost: 1_000 * 3_000_000 + 50 * 15_000_000,
        row: { state: "settled" },
      });
      const cut = await fail({ billed: true, seen: { state: "partial", ...seen } });
      expect(cut.cost).toBeGreaterThan(16_000 * 15_000_000);
      expect(cut.row).toMatchObject({ state: "estimated", cost: cut.cost, usage: seen.usage });
      expect((await told("model.failed")).map((event) => event.type)).toHaveLength(3);
    });

    it.each<[FailureClass, CallGrant["kind"]]>([
      ["rate", "wait"],
      ["overload", "wait"],
      ["server", "wait"],
      ["network", "wait"],
      ["credit", "deferred"],
      ["auth", "unavailable"],
      ["gone", "unavailable"],
      ["context", "context"],
      ["invalid", "unavailable"],
      ["refusal", "invalid"],
    ])("answers the ask after a failure by what the failure means (%s)", async (kind, next) => {
      const { fence } = await working();
      const call = callFor();
      const grant = await granted(fence, call);
      await context.api.settle(fence, grant.call, failed(kind));
      expect((await context.api.reserve(fence, call)).kind).toBe(next);
      expect(await told("model.failed")).toMatchObject([
        {
          ...{ class: kind, provider: "anthropic", model: "claude-sonnet-5", durationMs: 7 },
          reason: `it is ${kind}`,
        },
      ]);
    });

    it.each<FailureClass>(["credit", "auth", "gone"])(
      "tells a person once what only a person mends, and lets another candidate answer (%s)",
      async (kind) => {
        const fence = await planning();
        const call = callFor({ role: "planner" });
        const other = await granted(fence, callFor({ role: "planner" }));
        const first = await granted(fence, call);
        await context.api.settle(fence, first.call, failed(kind));
        await context.api.settle(fence, other.call, failed(kind));
        const next = await granted(fence, call);
        expect(next.candidate.model).toBe("claude-haiku-4-5");
        const notes = (await told("note.added")).filter((event) => event.type === "note.added");
        expect(notes).toMatchObject([{ level: "warning" }]);
      },
    );

    it("asks a provider again for which a person has acted", async () => {
      const { fence } = await working();
      await context.api.settle(fence, (await granted(fence)).call, failed("credit"));
      expect((await reserve(fence)).kind).toBe("deferred");
      await context.fixture.commands.resume(context.fixture.run);
      expect((await reserve(fence)).kind).toBe("granted");
    });

    it("waits as long as the provider says, to the moment, and longer with the slot given back", async () => {
      const { fence } = await working();
      const at = (ms: number) => new Date(context.fixture.now().getTime() + ms).toISOString();
      const until = at(20_000);
      await context.api.settle(fence, (await granted(fence)).call, failed("rate", { until }));
      const wait = await reserve(fence);
      if (wait.kind !== "wait") throw new Error(JSON.stringify(wait));
      expect(wait.ms).toBeLessThanOrEqual(20_000);
      context.fixture.advance(wait.ms);
      const late = at(3 * 60 * 60_000);
      const second = await granted(fence);
      await context.api.settle(fence, second.call, failed("rate", { until: late }));
      expect(await reserve(fence)).toMatchObject({ kind: "deferred", until: late });
      expect((await told("model.failed")).at(-1)).toMatchObject({ until: late });
    });

    it("goes on to the next candidate, and the step stays with the one that answered", async () => {
      const fence = await planning();
      const call = callFor({ role: "planner" });
      const first = await granted(fence, call);
      expect(first.candidate.provider).toBe("anthropic");
      await context.api.settle(fence, first.call, failed("refusal"));
      const second = await granted(fence, call);
      expect(second.candidate.provider).toBe("other");
      await context.api.settle(fence, second.call, replied());
      const next = await granted(fence, callFor({ role: "planner", turn: 2 }));
      expect(next.candidate.provider).toBe("other");
    });

    it("holds siblings with the same prefix back until the first one's reply has begun", async () => {
      const { fence } = await working();
      const { prefix } = callFor();
      const first = await granted(fence, callFor({ prefix }));
      expect(await reserve(fence, { prefix })).toMatchObject({ kind: "wait" });
      expect((await reserve(fence)).kind).toBe("granted");
      await context.api.began(fence, first.call);
      expect((await reserve(fence, { prefix })).kind).toBe("granted");
    });

    it("frees the places of a claim that has ended", async () => {
      const { fence } = await working();
      const { prefix } = callFor();
      await granted(fence, callFor({ prefix }));
      await context.api.outcome(fence, { kind: "stopped", reason: "parked" });
      const next = await working(undefined, "code-2");
      expect((await reserve(next.fence, { prefix })).kind).toBe("granted");
    });

    it("frees the places of a claim whose worker is gone, for the one that comes next", async () => {
      const { fence } = await working();
      const small = { maxOutput: 1_000 };
      for (let calls = 0; (await reserve(fence, small)).kind === "granted"; calls++)
        expect(calls).toBeLessThan(30);
      expect((await reserve(fence, small)).kind).toBe("wait");
      context.fixture.advance(BEYOND_LEASE_MS);
      const next = await context.claimed(fence.step, "w2");
      expect((await reserve(next.fence, small)).kind).toBe("granted");
    });

    it("knows after a restart who is out, and of no call that was under way", async () => {
      const { fence } = await working();
      const { prefix } = callFor();
      const until = new Date(context.fixture.now().getTime() + 60 * 60_000).toISOString();
      await context.api.settle(fence, (await granted(fence)).call, failed("rate", { until }));
      const later = await context.fixture.successor().reserve(fence, callFor());
      expect(later).toMatchObject({ kind: "deferred", until });
      context.fixture.advance(61 * 60_000);
      const again = await working(undefined, "code-2");
      const other = await granted(again.fence);
      await granted(again.fence, callFor({ prefix }));
      // a failure is kept at once, and with it what was under way then
      await context.api.settle(again.fence, other.call, failed("server"));
      const next = context.fixture.successor();
      expect((await next.reserve(again.fence, callFor({ prefix }))).kind).toBe("granted");
    });

    it("asks a provider again whose settings are others than those that were refused", async () => {
      const { fence } = await working();
      await context.api.settle(fence, (await granted(fence)).call, failed("auth"));
      const same = context.fixture.successor();
      expect((await same.reserve(fence, callFor())).kind).toBe("unavailable");
      const other = context.fixture.successor("key-2");
      expect((await other.reserve(fence, callFor())).kind).toBe("granted");
    });

    it.each(["rate", "credit", "server"] as const)(
      "%s: forgets the time that a provider stated once its settings are others",
      async (name) => {
        const { fence } = await working();
        const until = new Date(context.fixture.now().getTime() + 20 * 86_400_000).toISOString();
        await context.api.settle(fence, (await granted(fence)).call, failed(name, { until }));
        const same = context.fixture.successor();
        expect(await same.reserve(fence, callFor())).toMatchObject({ kind: "deferred", until });
        const other = context.fixture.successor("key-2");
        expect((await other.reserve(fence, callFor())).kind).toBe("granted");
        const again = context.fixture.successor("key-2");
        expect((await again.reserve(fence, callFor())).kind).toBe("granted");
      },
    );

    it("has a prompt counted that may not fit the window, and takes a failed count for a try", async () => {
      const fence = await planning();
      const call = callFor({ role: "planner", inputBound: 500_000, counted: [] });
      const asked = await context.api.reserve(fence, call);
      expect(asked).toMatchObject({ kind: "count", candidate: { model: "claude-sonnet-5" } });
      const failure = { class: "gone" as const, reason: "no such model" };
      const counted = [{ candidate: SONNET, failed: failure }];
      const other = await context.api.reserve(fence, { ...call, counted });
      expect(other).toMatchObject({ kind: "count", candidate: { model: "claude-haiku-4-5" } });
      const both = [...counted, { candidate: HAIKU, tokens: 1_000 }];
      expect(await context.api.reserve(fence, { ...call, counted: both })).toMatchObject({
        kind: "granted",
        candidate: { model: "claude-haiku-4-5" },
      });
      const { tries } = await context.fixture.exhaust();
      expect(tries.filter((row) => row.outcome === "gone")).toHaveLength(1);
    });

    it("records each choice with every candidate, also where nothing was sent", async () => {
      const fence = await planning();
      const call = callFor({ role: "planner" });
      await context.api.settle(fence, (await granted(fence, call)).call, failed("context"));
      await context.api.reserve(fence, call);
      const { demand } = await context.fixture.exhaust();
      expect(demand).toMatchObject([
        { ask: call.ask, decision: { outcome: "chosen", chosen: SONNET } },
        { ask: call.ask, decision: { outcome: "context" }, reason: expect.any(String) },
      ]);
      expect(demand[0]?.decision.considered.map(({ candidate }) => candidate)).toEqual([
        SONNET,
        HAIKU,
      ]);
    });

    it("records once what stands in the way of an ask, however often it looks", async () => {
      const { fence } = await working();
      const waiting = callFor();
      await granted(fence, callFor({ prefix: waiting.prefix }));
      for (let look = 0; look < 4; look++) {
        expect((await context.api.reserve(fence, waiting)).kind).toBe("wait");
        context.fixture.advance(1_000);
      }
      const { demand } = await context.fixture.exhaust();
      expect(demand.filter(({ ask }) => ask === waiting.ask)).toHaveLength(1);
    });

    it("learns nothing of a provider from a settlement that the ledger does not take", async () => {
      const { fence } = await working();
      const { call } = await granted(fence);
      const other = await working(undefined, "code-2");
      await expect(context.api.settle(other.fence, call, failed("credit"))).rejects.toThrow();
      expect((await reserve(fence)).kind).toBe("granted");
    });

    it("tells each agent what a person has said, with its claim and while it works", async () => {
      const { fence } = await working();
      expect((await context.api.renew(fence)).signals).toEqual([]);
      await context.fixture.commands.steer(context.fixture.run, "  Use the old parser. ");
      const [said] = (await context.api.renew(fence)).signals;
      expect(said).toEqual({ kind: "steer", seq: expect.any(Number), text: "Use the old parser." });
      const later = await working(undefined, "code-2");
      expect(later.signals).toEqual([said]);
      await expect(context.fixture.commands.steer(context.fixture.run, " ")).rejects.toThrow();
    });
  });
};
