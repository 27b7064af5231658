import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ASK_LIMITS } from "./index.ts";
import { apart, holds, KEY, type Op, only, pass, pick } from "./model-fixture.ts";
import { reply, START, short, World } from "./router-fixture.ts";

describe("a stated time", () => {
  const stated = fc.record({
    ms: fc.integer({ min: 1, max: 24 * 3_600_000 }),
    looks: fc.array(fc.double({ min: 0, max: 2, noNaN: true }), { maxLength: 20 }),
    name: fc.constantFrom("rate", "overload", "server", "network", "credit"),
  });

  test("is kept to the millisecond: never earlier, never later", () => {
    fc.assert(
      fc.property(stated, ({ ms, looks, name }) => {
        const world = new World();
        world.sure("call", only, apart("call"));
        const until = world.in(ms);
        world.fail("call", name as "rate", { until });
        const times = [...looks.map((part) => Math.round(part * ms)), ms - 1, ms];
        for (const [n, after] of times.toSorted((a, b) => a - b).entries()) {
          world.at = START + after;
          const selection = world.ask(only, apart(`look-${n}`));
          if (after >= ms) expect(selection.kind).toBe("chosen");
          else if (ms - after <= ASK_LIMITS.maxWaitMs)
            expect(short(selection)).toBe(`wait ${ms - after}`);
          else expect(selection).toMatchObject({ kind: "deferred", until });
        }
      }),
    );
  });
});

describe("a bucket", () => {
  const LIMIT = 100_000;
  const MINUTE = 60_000;

  /** The provider: so many input tokens in each minute, told as they were when a call came. */
  type Model = { n: number; window: number; used: number; calls: Map<string, Provided> };
  type Provided = { tokens: number; remaining: number; resetAt: number };

  const arrive = (model: Model, at: number, tokens: number): Provided => {
    const window = Math.floor((at - START) / MINUTE);
    if (window !== model.window) Object.assign(model, { window, used: 0 });
    // a call larger than all of it is taken when nothing else was
    expect(model.used === 0 || model.used + tokens <= LIMIT).toBe(true);
    model.used += tokens;
    const resetAt = START + (window + 1) * MINUTE;
    return { tokens, remaining: Math.max(0, LIMIT - model.used), resetAt };
  };

  const told = (model: Model, world: World, id: string, known: Provided): void => {
    model.calls.delete(id);
    const { tokens, remaining } = known;
    const resetAt = new Date(known.resetAt).toISOString();
    const rate = { inputTokens: { limit: LIMIT, remaining, resetAt } };
    world.end(id, reply({ input: tokens, cacheRead: 1_000_000, output: 5 }, rate));
  };

  const ask = fc
    .record({
      estimate: fc.integer({ min: 1, max: 120_000 }),
      part: fc.double({ min: 0.1, max: 1, noNaN: true }),
    })
    .map(
      ({ estimate, part }): Op<Model> => ({
        name: `ask ${estimate}`,
        run: (model, world) => {
          const id = `call-${model.n++}`;
          const own = { request: { ask: id, inputBound: 150_000 }, counts: { [KEY]: estimate } };
          const selection = world.send(id, only, own);
          if (selection.kind !== "chosen") return;
          model.calls.set(id, arrive(model, world.at, Math.ceil(estimate * part)));
        },
      }),
    );

  const end = fc
    .record({ n: fc.nat(20), how: fc.constantFrom("told", "told", "silent", "network", "lost") })
    .map(
      ({ n, how }): Op<Model> => ({
        name: `end ${n} ${how}`,
        run: (model, world) => {
          const id = pick(model.calls.keys(), n);
          const known = id === undefined ? undefined : model.calls.get(id);
          if (id === undefined || known === undefined) return;
          if (how === "told") return told(model, world, id, known);
          model.calls.delete(id);
          if (how === "silent") world.end(id, reply({ input: known.tokens }));
          else if (how === "lost") world.end(id, { kind: "lost" });
          else world.fail(id, "refusal");
        },
      }),
    );

  test("never admits more than a provider has left, whatever of its answers comes late or never", () => {
    const start = (): Model => ({ n: 0, window: 0, used: 0, calls: new Map() });
    const first: Op<Model> = {
      name: "first",
      run: (model, world) => {
        if (model.n > 0) return;
        const id = `call-${model.n++}`;
        world.sure(id, only, apart(id));
        told(model, world, id, arrive(model, world.at, 1_000));
      },
    };
    const after = (op: Op<Model>): Op<Model> => ({
      name: op.name,
      run: (model, world) => {
        first.run(model, world);
        op.run(model, world);
      },
    });
    holds(start, fc.oneof(ask, ask, end, end, pass<Model>(30_000)).map(after));
  });

  test("takes back what a call was charged that was not sent after all", () => {
    const world = new World();
    world.sure("told", only, apart("told"));
    const inputTokens = { limit: LIMIT, remaining: 1_500, resetAt: world.in(MINUTE) };
    world.end("told", reply({}, { inputTokens }));
    world.pass(1);
    world.sure("one", only, apart("one"));
    expect(short(world.ask(only, apart("two")))).toBe("wait 59999");
    world.release("one");
    expect(short(world.ask(only, apart("two")))).toBe(`chosen ${KEY}`);
  });

  test("stops nobody before a provider has told of any limit", () => {
    const world = new World();
    for (let n = 0; n < 8; n++) {
      world.sure(`call-${n}`, only, { ...apart(`call-${n}`), counts: { [KEY]: 150_000 } });
    }
  });
});
