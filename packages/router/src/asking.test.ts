import { candidateKey } from "@headrace/domain";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ASK_LIMITS, FAILURES } from "./index.ts";
import { apart, KEY } from "./model-fixture.ts";
import { route, START, World } from "./router-fixture.ts";

describe("an asking", () => {
  const keys = [KEY, "b/two", "c/three"] as const;
  const classes = Object.keys(FAILURES) as (keyof typeof FAILURES)[];
  const ends = fc.array(
    fc.record({
      name: fc.constantFrom(...classes, "network" as const, "overload" as const),
      stated: fc.option(fc.integer({ min: 0, max: 200_000 }), { nil: undefined }),
      tookMs: fc.integer({ min: 0, max: 300_000 }),
    }),
    { minLength: 12, maxLength: 12 },
  );

  test("ends within its tries, its waits and its time, whatever fails", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), ends, (size, failures) => {
        const world = new World();
        const use = route(keys.slice(0, size));
        const sentTo: string[] = [];
        for (let step = 0; step < 50; step++) {
          const selection = world.send(`call-${sentTo.length}`, use);
          if (selection.kind === "wait") {
            expect(selection.ms).toBeGreaterThan(0);
            expect(selection.ms).toBeLessThanOrEqual(ASK_LIMITS.maxWaitMs);
            world.pass(selection.ms);
            expect(world.at).toBeLessThanOrEqual(START + ASK_LIMITS.totalMs);
            continue;
          }
          if (selection.kind !== "chosen") {
            if (selection.kind === "deferred")
              expect(Date.parse(selection.until)).toBeGreaterThan(world.at);
            expect(sentTo.length).toBeLessThanOrEqual(ASK_LIMITS.triesPerAsk);
            return;
          }
          expect(world.at).toBeLessThan(START + ASK_LIMITS.totalMs);
          const key = candidateKey(selection.candidate);
          sentTo.push(key);
          expect(sentTo.filter((one) => one === key).length).toBeLessThanOrEqual(
            ASK_LIMITS.retriesPerCandidate + 1,
          );
          const { name, stated, tookMs } = failures[sentTo.length] ?? { name: "server", tookMs: 0 };
          world.pass(tookMs);
          const until = stated === undefined ? {} : { until: world.in(stated) };
          world.fail(`call-${sentTo.length - 1}`, name, until);
        }
        expect.unreachable("an asking that does not end");
      }),
      { numRuns: 1_000 },
    );
  });

  test("leaves the candidate of its conversation only for a reason that is recorded", () => {
    const whole = fc.record({
      pinned: fc.constantFrom(...keys),
      order: fc.constantFrom("listed" as const, "cheapest" as const),
      fails: fc.array(
        fc.record({ at: fc.constantFrom(...keys), name: fc.constantFrom(...classes) }),
        { maxLength: 8 },
      ),
      ms: fc.integer({ min: 0, max: 60_000 }),
    });
    fc.assert(
      fc.property(whole, ({ pinned, order, fails, ms }) => {
        const world = new World();
        for (const [n, { at, name }] of fails.entries()) {
          if (world.send(`call-${n}`, route([at]), apart(`call-${n}`)).kind === "chosen")
            world.fail(`call-${n}`, name);
        }
        world.pass(ms);
        const at = new Date(world.at - 1_000);
        const selection = world.ask(route(keys, { order }), {
          ...apart("mine"),
          pinned: { candidate: pinned, promptTokens: 2_000, at },
        });
        expect(selection.kind).not.toBe("count");
        if (selection.kind !== "chosen") return;
        const why = selection.decision.considered.find((one) => one.candidate === pinned)?.why;
        if (candidateKey(selection.candidate) === pinned) expect(why).toBe("chosen");
        else expect(["chosen", "not-needed", "same-as-author", undefined]).not.toContain(why);
      }),
    );
  });
});
