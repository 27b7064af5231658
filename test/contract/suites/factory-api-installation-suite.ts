import { exitCode, fromUsd } from "@headrace/domain";
import { describe, expect, it } from "vitest";
import { apiContext, callFor, type MakeApi, replied, SONNET } from "./factory-api-context.ts";

const DAY_MS = 24 * 60 * 60_000;

/** What every `FactoryApi` does about budgets that are configured, not given with a run. */
export const factoryApiInstallationSuite = (name: string, make: MakeApi): void => {
  describe(`${name} as keeper of the installation's budgets`, () => {
    const over = callFor({ maxOutput: 30_000 });
    const reserveOver = async (context: ReturnType<typeof apiContext>) => {
      const { fence } = await context.working();
      const { call } = await context.granted(fence);
      await context.api.settle(fence, call, replied({ input: 1_250, output: 16_000 }));
      return context.api.reserve(fence, { ...over, ask: "over" });
    };

    describe("with one for the day", () => {
      const context = apiContext(make, { budgets: { day: fromUsd(0.5) } });
      it("waits for what other runs' calls under way hold, for they will cost less", async () => {
        const other = await context.fixture.elsewhere(context.agent());
        const { call } = await context.granted(other);
        const { fence } = await context.working();
        const mine = { ...over, ask: "mine" };
        expect(await context.api.reserve(fence, mine)).toMatchObject({ kind: "wait" });
        await context.api.settle(other, call, replied());
        await context.granted(fence, mine);
      });

      it("defers nothing on the bound by an earlier bill before it was counted", async () => {
        const { fence } = await context.working();
        const billed = [{ candidate: SONNET, tokens: 150_000 }];
        const call = callFor({ inputBound: 170_000, counted: billed });
        expect(await context.api.reserve(fence, call)).toMatchObject({ kind: "count" });
        const counted = [{ candidate: SONNET, tokens: 1_550, count: 1_000 }];
        await context.granted(fence, { ...call, counted });
      });

      it("defers what does not fit to the next day, and what never fits stops the run", async () => {
        const answer = await reserveOver(context);
        if (answer.kind !== "deferred") throw new Error(JSON.stringify(answer));
        const until = Date.parse(answer.until);
        expect(until % DAY_MS).toBe(0);
        const now = context.fixture.now().getTime();
        expect(until - now).toBeLessThanOrEqual(DAY_MS);
        context.fixture.advance(until - now + 1);
        const next = await context.working(undefined, "code-2");
        await context.granted(next.fence, { ...over, ask: "next" });
        const huge = callFor({ maxOutput: 40_000 });
        const never = await context.api.reserve(next.fence, huge);
        expect(never).toMatchObject({ kind: "refused", level: "day" });
      });
    });

    describe("with one for an hour of a run", () => {
      const context = apiContext(make, { limits: { hour: fromUsd(0.5) } });
      it("defers what does not fit until so much of the hour has passed", async () => {
        const { fence } = await context.working();
        const { call } = await context.granted(fence, callFor({ maxOutput: 30_000 }));
        await context.api.settle(fence, call, replied({ input: 1_000, output: 30_000 }));
        const answer = await context.api.reserve(fence, callFor({ maxOutput: 30_000 }));
        if (answer.kind !== "deferred") throw new Error(JSON.stringify(answer));
        const left = Date.parse(answer.until) - context.fixture.now().getTime();
        expect(left).toBeGreaterThan(50 * 60_000);
        expect(left).toBeLessThanOrEqual(60 * 60_000);
        expect(answer.reason).toContain("this hour's budget");
      });
    });

    describe("with one for an hour that was raised since the run was submitted", () => {
      const budgets = { hour: fromUsd(0.5) };
      const context = apiContext(make, { limits: { hour: fromUsd(0.1) }, budgets });
      it("holds the run to what is configured now, and says how that is changed", async () => {
        const { fence } = await context.working();
        const huge = callFor({ maxOutput: 40_000 });
        expect(await context.api.reserve(fence, huge)).toMatchObject({
          ...{ kind: "refused", level: "hour" },
          reason: expect.stringMatching(/config\.yaml.*resume/),
        });
        await context.granted(fence, over);
      });
    });

    describe("with one in total", () => {
      const context = apiContext(make, { budgets: { total: fromUsd(0.3) } });
      it("refuses what does not fit, which stops the run until the configuration has changed", async () => {
        const answer = await reserveOver(context);
        expect(answer).toMatchObject({
          ...{ kind: "refused", why: "budget", level: "installation" },
          reason: expect.stringContaining("config.yaml"),
        });
        const { fence } = await context.working(undefined, "code-2");
        await context.api.outcome(fence, {
          ...{ kind: "budget", reason: "used", level: "installation" },
        });
        const { run } = context.fixture;
        expect((await context.fixture.state()).run.status).toBe("budget");
        await context.fixture.commands.resume(run);
        expect((await context.fixture.state()).run.status).toBe("active");
      });
    });

    describe("with one in total that is nearly spent", () => {
      const context = apiContext(make, { budgets: { total: fromUsd(0.3) } });
      it("warns once, and asks every agent to come to an end, since a person has to raise it", async () => {
        await reserveOver(context);
        expect(await context.told("budget.warned")).toMatchObject([
          { level: "installation", budget: fromUsd(0.3) },
        ]);
        const { fence } = await context.working(undefined, "code-2");
        const { call, wrapUp } = await context.granted(fence, callFor({ maxOutput: 500 }));
        expect(wrapUp).toContain("the installation's total budget has less left than 20 %");
        await context.api.settle(fence, call, replied({ input: 1_000, output: 100 }));
        expect(await context.told("budget.warned")).toHaveLength(1);
      });
    });

    describe("with one in total of which more is left than an end takes", () => {
      const context = apiContext(make, { budgets: { total: fromUsd(1.12) } });
      it("lets a run work on, however much others have used", async () => {
        const other = await context.fixture.elsewhere(context.agent());
        const { call } = await context.granted(other, callFor({ maxOutput: 60_000 }));
        await context.api.settle(other, call, replied({ input: 0, output: 60_000 }));
        const { fence } = await context.working();
        const { wrapUp } = await context.granted(fence, callFor({ maxOutput: 500 }));
        expect(wrapUp).toBeUndefined();
      });
    });

    describe("with one of tokens", () => {
      const context = apiContext(make, { limits: { tokens: 30_000 } });
      it("lets a model be used whose price nobody knows, as long as its tokens last", async () => {
        const input = context.agent({ role: "researcher" });
        const { fence } = await context.working(input, "research-1");
        const counted = [{ candidate: "anthropic/nobody-knows", tokens: 1_000, count: 1_000 }];
        const ask = () => callFor({ role: "researcher", counted });
        const { call } = await context.granted(fence, ask());
        expect(await context.api.reserve(fence, ask())).toMatchObject({
          ...{ kind: "wait", reason: expect.stringContaining("17000 tokens") },
        });
        expect(await context.api.reserve(fence, { ...ask(), maxOutput: 40_000 })).toMatchObject({
          ...{ kind: "refused", level: "tokens", cap: 30_000 },
          reason: expect.stringMatching(/41000 tokens.*--raise-tokens N/),
        });
        await context.api.settle(fence, call, replied());
        expect((await context.fixture.state()).run).toMatchObject({ spent: 0, calls: 1 });
        await context.granted(fence, ask());
      });

      it("stops the run when they are used, and a raise of them lets the same call be made", async () => {
        const { fence } = await context.working();
        const huge = callFor({ maxOutput: 40_000 });
        const answer = await context.api.reserve(fence, huge);
        if (answer.kind !== "refused" || answer.why !== "budget") throw new Error(answer.kind);
        const { reason, level = "run", cap = 0 } = answer;
        await context.api.outcome(fence, { kind: "budget", reason, level, cap });
        const { run, commands } = context.fixture;
        const stopped = await context.fixture.state();
        expect(stopped.run).toMatchObject({ status: "budget", stoppedBy: "tokens" });
        expect(exitCode(stopped)).toBe(4);
        await expect(commands.resume(run)).rejects.toThrow("--raise-tokens");
        await expect(commands.raiseBudget(run, fromUsd(1))).rejects.toThrow("--raise-tokens");
        await commands.raiseTokens(run, 20_000);
        const { run: row } = await context.fixture.state();
        expect(row).toMatchObject({ status: "active", budget: fromUsd(1) });
        expect(row.limits).toEqual({ tokens: 50_000 });
        const again = await context.claimed(fence.step, "w2");
        await context.granted(again.fence, { ...huge, maxOutput: 40_000 });
      });

      it("warns once when 80 % are used, and asks the agent to come to an end until they are raised", async () => {
        const { fence } = await context.working();
        const use = async (output: number) => {
          const { call, wrapUp } = await context.granted(fence, callFor({ maxOutput: output }));
          await context.api.settle(fence, call, replied({ input: 1_000, output }));
          return wrapUp;
        };
        expect([await use(16_000), await use(6_000)]).toEqual([undefined, undefined]);
        const warned = [{ level: "tokens", tokens: { used: 24_000, budget: 30_000 } }];
        expect(await context.told("budget.warned")).toMatchObject(warned);
        expect(await use(500)).toContain("80 % of the run's token budget");
        expect(await context.told("budget.warned")).toHaveLength(1);
        await context.fixture.commands.raiseTokens(context.fixture.run, 30_000);
        expect(await use(500)).toBeUndefined();
      });

      it("stops nothing where they were raised since the call was refused", async () => {
        const { fence } = await context.working();
        await context.fixture.commands.raiseTokens(context.fixture.run, 1);
        await context.api.outcome(fence, {
          ...{ kind: "budget", reason: "used", level: "tokens", cap: 30_000 },
        });
        expect((await context.fixture.state()).run.status).toBe("active");
      });
    });
  });
};
