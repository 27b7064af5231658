import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { apart, holds, type Op, only, pass, pick } from "./model-fixture.ts";
import { reply, short, World } from "./router-fixture.ts";

describe("concurrency", () => {
  type Model = { n: number; calls: Map<string, number>; cutAt: number };
  const limit = (world: World) => world.health.providers.a?.limit ?? 8;

  const ask: fc.Arbitrary<Op<Model>> = fc.constant({
    name: "ask",
    run: (model, world) => {
      const id = `call-${model.n++}`;
      const selection = world.send(id, only, apart(id));
      const full = model.calls.size >= Math.floor(limit(world));
      if (full) expect(selection.kind).not.toBe("chosen");
      if (selection.kind === "chosen") model.calls.set(id, world.at);
    },
  });

  const end = fc
    .record({
      n: fc.nat(80),
      how: fc.constantFrom("ok", "ok", "ok", "rate", "refusal", "lost", "released"),
    })
    .map(
      ({ n, how }): Op<Model> => ({
        name: `end ${n} ${how}`,
        run: (model, world) => {
          const id = pick(model.calls.keys(), n);
          if (id === undefined) return;
          const sentAt = model.calls.get(id) ?? 0;
          const full = model.calls.size >= Math.floor(limit(world));
          const before = limit(world);
          model.calls.delete(id);
          if (how === "ok") world.end(id, reply());
          else if (how === "lost") world.end(id, { kind: "lost" });
          else if (how === "released") world.release(id);
          else world.fail(id, how as "rate" | "refusal", { until: world.in(1) });
          if (how === "ok" && full)
            expect(limit(world)).toBeGreaterThanOrEqual(Math.min(64, before));
          else if (how === "rate" && sentAt > model.cutAt) {
            expect(limit(world)).toBe(Math.max(1, before / 2));
            model.cutAt = world.at;
          } else expect(limit(world)).toBe(before);
          expect(limit(world)).toBeGreaterThanOrEqual(1);
          expect(limit(world)).toBeLessThanOrEqual(64);
        },
      }),
    );

  test("grows slowly while it is used, halves once for all that were refused together, and is never passed", () => {
    holds(
      () => ({ n: 0, calls: new Map(), cutAt: 0 }),
      fc.oneof({ weight: 4, arbitrary: ask }, { weight: 3, arbitrary: end }, pass<Model>(2_000)),
    );
  });

  test("has one more place after a whole round of answers", () => {
    const world = new World();
    for (let n = 0; n < 8; n++) world.sure(`call-${n}`, only, apart(`call-${n}`));
    expect(short(world.ask(only, apart("more")))).toBe("wait 1000");
    for (let n = 0; n < 9; n++) {
      world.end(`call-${n}`, reply());
      world.sure(`call-${n + 8}`, only, apart(`call-${n + 8}`));
    }
    world.sure("more", only, apart("more"));
  });
});
