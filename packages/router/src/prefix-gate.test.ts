import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { apart, holds, KEY, type Op, only, pass, pick } from "./model-fixture.ts";
import { reply, route, World } from "./router-fixture.ts";

describe("the prefix gate", () => {
  const cached = route([KEY]);
  /** a worker that is silent for as long as no call takes is gone */
  const CALL_MS = 25 * 60_000;

  type Model = {
    n: number;
    calls: Map<string, { prefix: string; at: number }>;
    /** by prefix: the first call and when it was sent */
    held: Map<string, { id: string; at: number }>;
    warm: Map<string, number>;
  };

  const ask = fc.constantFrom("p", "q").map(
    (prefix): Op<Model> => ({
      name: `ask ${prefix}`,
      run: (model, world) => {
        const id = `call-${model.n++}`;
        const selection = world.send(id, cached, apart(id, prefix));
        const why = selection.kind === "count" ? undefined : selection.decision.considered[0]?.why;
        const found = model.held.get(prefix);
        const held = found && world.at < found.at + CALL_MS ? found : undefined;
        const isWarm = world.at < (model.warm.get(prefix) ?? 0);
        const shut = held !== undefined && world.at < held.at + 15_000;
        if (why !== "busy") expect(why).toBe(shut ? "prefix-held" : "chosen");
        if (selection.kind !== "chosen") return;
        model.calls.set(id, { prefix, at: world.at });
        if (!isWarm && held === undefined) model.held.set(prefix, { id, at: world.at });
      },
    }),
  );

  const warmed = (model: Model, world: World, prefix: string): void => {
    model.held.delete(prefix);
    model.warm.set(prefix, world.at + 300_000);
  };

  const next = fc
    .record({ n: fc.nat(20), how: fc.constantFrom("begins", "begins", "replies", "fails", "lost") })
    .map(
      ({ n, how }): Op<Model> => ({
        name: `${how} ${n}`,
        run: (model, world) => {
          const id = pick(model.calls.keys(), n);
          const call = id === undefined ? undefined : model.calls.get(id);
          if (id === undefined || call === undefined) return;
          const first = model.held.get(call.prefix)?.id === id;
          const gone = world.at >= call.at + CALL_MS;
          if (how === "begins" && !gone) {
            world.begin(id);
            return warmed(model, world, call.prefix);
          }
          model.calls.delete(id);
          if (how === "replies" && !gone) world.end(id, reply());
          else if (how === "fails") world.fail(id, "refusal");
          else world.end(id, { kind: "lost" });
          if (first && how === "replies" && !gone) warmed(model, world, call.prefix);
          else if (first) model.held.delete(call.prefix);
        },
      }),
    );

  test("lets exactly one call through before the first byte, and all after it, its end or a time", () => {
    holds(
      () => ({ n: 0, calls: new Map(), held: new Map(), warm: new Map() }),
      fc.oneof(ask, ask, next, pass<Model>(12_000), pass<Model>(200_000)),
    );
  });

  test("does not hold calls to a model that caches nothing", () => {
    const world = new World();
    world.sure("one", only, apart("one", "p"));
    world.sure("two", only, apart("two", "p"));
  });
});
