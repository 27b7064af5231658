import { type CallRow, type Fence, fromUsd } from "@headrace/domain";
import { describe, expect, it } from "vitest";
import {
  apiContext,
  callFor,
  failed,
  HAIKU,
  type MakeApi,
  replied,
  SONNET,
} from "./factory-api-context.ts";

const HELD = 1_000 * 3_750_000 + 16_000 * 15_000_000;

const committed = (calls: readonly CallRow[]): number =>
  calls.reduce((sum, { state, amount, cost }) => sum + (state === "open" ? amount : cost), 0);

/** What every `FactoryApi` does about budgets: a call is held on each of them, or not made. */
export const factoryApiBudgetSuite = (name: string, make: MakeApi): void => {
  describe(`${name} as keeper of a run's budget`, () => {
    const context = apiContext(make);
    const { working, granted, told } = context;
    /** Spends a quarter of the budget. */
    const use = async (fence: Fence): Promise<void> => {
      const { call } = await granted(fence);
      await context.api.settle(fence, call, replied({ input: 1_250, output: 16_000 }));
    };

    it("grants calls until the next does not fit, and waits while calls under way may cost less", async () => {
      const { fence } = await working();
      const calls = [await granted(fence), await granted(fence), await granted(fence)];
      const large = { maxOutput: 30_000 };
      const refused = await context.api.reserve(fence, callFor(large));
      expect(refused).toMatchObject({
        kind: "wait",
        reason: expect.stringMatching(/\$0\.45.*\$0\.27/),
      });
      await context.api.settle(fence, calls[0]?.call ?? "", replied());
      await granted(fence, callFor(large));
    });

    it("refuses a call that does not fit however little those under way will cost", async () => {
      const { fence } = await working();
      for (let i = 0; i < 3; i++) await use(fence);
      expect(await context.api.reserve(fence, callFor({ maxOutput: 30_000 }))).toMatchObject({
        kind: "refused",
        why: "budget",
        level: "run",
        cap: fromUsd(1),
        reason: expect.stringMatching(/\$0\.45.*\$0\.27.*--raise/),
      });
    });

    it("takes a prompt to fit its window by its count, and holds what it may be billed at most", async () => {
      const { fence } = await context.working();
      const counted = [{ candidate: SONNET, tokens: 200_000, count: 190_000 }];
      const call = callFor({ inputBound: 400_000, counted, maxOutput: 8_000 });
      expect(await context.granted(fence, call)).toMatchObject({ maxOutput: 8_000 });
      expect(await context.fixture.calls()).toMatchObject([{ tokens: 208_000 }]);
    });

    it("has a prompt counted whose bytes alone do not fit", async () => {
      const { fence } = await working();
      await granted(fence);
      const call = callFor({ inputBound: 150_000, counted: [] });
      const asked = await context.api.reserve(fence, call);
      expect(asked).toMatchObject({ kind: "count", candidate: { model: "claude-sonnet-5" } });
      const counted = [{ candidate: SONNET, tokens: 2_000 }];
      await granted(fence, { ...call, counted });
      const [, row] = await context.fixture.calls();
      expect(row).toMatchObject({ tokens: 18_000, amount: HELD + 1_000 * 3_750_000 });
    });

    it("takes a cheaper candidate where the first one's price does not fit", async () => {
      const plan = await working(context.agent({ role: "planner" }), "plan-1");
      const call = callFor({ role: "planner", maxOutput: 60_000 });
      for (let i = 0; i < 2; i++) await use(plan.fence);
      const grant = await granted(plan.fence, call);
      expect(grant.candidate.model).toBe("claude-haiku-4-5");
      const { demand } = await context.fixture.exhaust();
      expect(demand.at(-1)?.decision).toMatchObject({
        chosen: HAIKU,
        considered: [{ candidate: SONNET, why: "over-budget" }, { candidate: HAIKU }],
      });
    });

    it("tells a wait for a rate limit as that, also where a budget holds no other candidate", async () => {
      const plan = await working(context.agent({ role: "planner" }), "plan-1");
      const call = callFor({ role: "planner", maxOutput: 60_000 });
      for (let i = 0; i < 2; i++) await use(plan.fence);
      const cheap = await granted(plan.fence, call);
      const until = new Date(context.fixture.now().getTime() + 20_000).toISOString();
      await context.api.settle(plan.fence, cheap.call, failed("rate", { until }));
      expect(await context.api.reserve(plan.fence, call)).toMatchObject({
        ...{ kind: "wait", reason: expect.stringContaining(`${HAIKU} takes no more calls`) },
      });
    });

    it("stops the run for its own budget, and goes on when that is raised", async () => {
      const { fence } = await working();
      await context.api.outcome(fence, {
        ...{ kind: "budget", reason: "used", level: "run", cap: fromUsd(1) },
      });
      expect((await context.fixture.state()).run).toMatchObject({
        status: "budget",
        stoppedBy: "run",
      });
      await expect(context.fixture.commands.resume(context.fixture.run)).rejects.toThrow("--raise");
      await context.fixture.commands.raiseBudget(context.fixture.run, fromUsd(1));
      expect((await context.fixture.state()).run).toMatchObject({
        status: "active",
        budget: fromUsd(2),
      });
    });

    it("stops nothing for a budget that was raised since", async () => {
      const { fence } = await working();
      await context.fixture.commands.raiseBudget(context.fixture.run, fromUsd(1));
      await context.api.outcome(fence, {
        ...{ kind: "budget", reason: "used", level: "run", cap: fromUsd(1) },
      });
      expect((await context.fixture.state()).run.status).toBe("active");
    });

    it("warns once when 80 % are spent, and asks the agent to come to an end from then on", async () => {
      const { fence } = await working();
      const before = await granted(fence);
      expect(before.wrapUp).toBeUndefined();
      const failure = failed("server", { billed: true });
      for (const call of [before, await granted(fence), await granted(fence)]) {
        await context.api.settle(fence, call.call, failure);
        context.fixture.advance(600_000);
        await context.api.renew(fence).catch(() => undefined);
      }
      const next = await working(undefined, "code-2");
      const small = callFor({ maxOutput: 5_000 });
      const last = await granted(next.fence, small);
      expect(last.wrapUp).toBeUndefined();
      await context.api.settle(next.fence, last.call, failed("server", { billed: true }));
      context.fixture.advance(600_000);
      const end = await working(undefined, "code-3");
      const { wrapUp } = await granted(end.fence, callFor({ maxOutput: 1_000 }));
      expect(wrapUp).toContain("80 % of the run's budget");
      expect(await told("budget.warned")).toMatchObject([{ level: "run", budget: fromUsd(1) }]);
    });
  });

  describe(`${name} as keeper of a task's budget`, () => {
    const limits = { task: fromUsd(0.6), attempt: fromUsd(0.4) };
    const context = apiContext(make, { limits });
    const { working, granted, told } = context;
    const park = async () => {
      const { fence } = await working();
      const refused = await context.api.reserve(fence, callFor({ maxOutput: 30_000 }));
      if (refused.kind !== "refused" || refused.level === undefined)
        throw new Error(JSON.stringify(refused));
      const { reason, level, cap } = refused;
      await context.api.outcome(fence, {
        ...{ kind: "budget", reason, level },
        ...(cap === undefined ? {} : { cap }),
      });
      return fence;
    };

    it("parks the task at its attempt's budget, while the run goes on", async () => {
      const fence = await park();
      const { run, tasks } = await context.fixture.state();
      expect(run.status).toBe("active");
      expect(tasks.t1?.parked).toMatchObject({ level: "attempt", budget: limits.attempt });
      expect((await context.api.claim(run.id, fence.step, "w2")).kind).toBe("stale");
      expect(await told("budget.stopped")).toEqual([]);
    });

    it("lets it go on when a person raises its budget", async () => {
      const fence = await park();
      const { run } = context.fixture;
      await context.fixture.commands.raiseBudget(run, fromUsd(0.5), "t1");
      expect((await context.fixture.state()).tasks.t1?.parked).toBeUndefined();
      const again = await context.claimed(fence.step, "w2");
      await granted(again.fence, callFor({ maxOutput: 30_000 }));
      await expect(context.fixture.commands.raiseBudget(run, 1, "t9")).rejects.toThrow("t1");
    });

    it("warns once of the attempt's budget, and asks its agent to come to an end", async () => {
      const { fence } = await working();
      const spend = async () => {
        const { call } = await granted(fence, callFor({ maxOutput: 11_000 }));
        await context.api.settle(fence, call, replied({ input: 1_000, output: 11_000 }));
      };
      await spend();
      await spend();
      expect(await told("budget.warned")).toMatchObject([{ level: "attempt", task: "t1" }]);
      const { wrapUp } = await granted(fence, callFor({ maxOutput: 1_000 }));
      expect(wrapUp).toContain("the attempt's budget");
      expect(await told("budget.warned")).toHaveLength(1);
    });
  });

  describe(`${name} under 64 callers at once`, () => {
    const limits = { task: fromUsd(0.8), attempt: fromUsd(0.5), hour: fromUsd(0.7) };
    const context = apiContext(make, { limits, budgets: { day: fromUsd(0.6) } });
    it("never commits more than any budget holds", async () => {
      const { fence } = await context.working();
      let most = 0;
      const look = async () => {
        most = Math.max(most, committed(await context.fixture.calls()));
      };
      const caller = async (n: number): Promise<void> => {
        const call = callFor({ maxOutput: 500 + 40 * n });
        for (let round = 0; round < 30; round++) {
          const grant = await context.api.reserve(fence, call);
          await look();
          if (grant.kind === "granted") {
            // every third is cut off and keeps what it held
            const cut = failed("network", { billed: true });
            const end = n % 3 === 0 ? cut : replied({ input: 900, output: call.maxOutput }, n + 1);
            return context.api.settle(fence, grant.call, end);
          }
          if (grant.kind !== "wait") return;
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await Promise.all(Array.from({ length: 64 }, (_, n) => caller(n)));
      await look();
      expect(most).toBeGreaterThan(fromUsd(0.4));
      expect(most).toBeLessThanOrEqual(fromUsd(0.5));
      const { run } = await context.fixture.state();
      expect(run.spent).toBe(committed(await context.fixture.calls()));
    });
  });
};
