import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ASK_LIMITS } from "./index.ts";
import { apart, holds, KEY, type Op, only, pass, pick } from "./model-fixture.ts";
import { candidate, reply, route, START, short, World } from "./router-fixture.ts";

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

  test("is not prolonged by buckets, whether they were told before, with it or by an older call", () => {
    const world = new World();
    for (const id of ["before", "older"]) world.sure(id, only, apart(id));
    const none = { inputTokens: { limit: 50_000, remaining: 0, resetAt: world.in(50_000) } };
    world.end("before", reply({}, { inputTokens: { ...none.inputTokens, remaining: 2_000 } }));
    world.pass(1);
    world.sure("refused", only, apart("refused"));
    world.pass(1);
    world.fail("refused", "rate", { until: world.in(10_000), rate: none });
    world.end("older", reply({}, none));
    expect(short(world.ask(only, apart("next")))).toBe("wait 10000");
    world.pass(10_000);
    expect(short(world.ask(only, apart("next")))).toBe(`chosen ${KEY}`);
  });

  test("is the later one of two", () => {
    const world = new World();
    for (const id of ["one", "two"]) world.sure(id, only, apart(id));
    world.fail("one", "rate", { until: world.in(10_000) });
    world.fail("two", "rate", { until: world.in(5_000) });
    expect(short(world.ask(only, apart("next")))).toBe("wait 10000");
  });

  test("is taken from the used-up bucket where none is named, and doubles where nothing tells", () => {
    const world = new World();
    world.sure("told", only, apart("told"));
    const requests = { limit: 50, remaining: 0, resetAt: world.in(20_000) };
    world.fail("told", "rate", { rate: { requests } });
    expect(short(world.ask(only, apart("next")))).toBe("wait 20000");
    world.pass(20_000);
    for (const ms of [1_000, 2_000, 4_000]) {
      world.sure(`untold-${ms}`, only, apart(`untold-${ms}`));
      world.fail(`untold-${ms}`, "rate");
      expect(short(world.ask(only, apart("next")))).toBe(`wait ${ms}`);
      world.pass(ms);
    }
    world.sure("served", only, apart("served"));
    world.end("served", reply());
    world.sure("last", only, apart("last"));
    world.fail("last", "rate");
    expect(short(world.ask(only, apart("next")))).toBe("wait 1000");
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
      estimate: fc.oneof(fc.integer({ min: 1, max: 40_000 }), fc.integer({ min: 1, max: 120_000 })),
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
    .record({ n: fc.nat(20), how: fc.constantFrom("told", "told", "silent", "refusal", "lost") })
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
    holds(start, fc.oneof(ask, ask, end, end, pass<Model>(15_000)).map(after), 1_000);
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

  test("is known again by the first response after it was whole", () => {
    const world = new World();
    const told = (remaining: number) =>
      reply({}, { inputTokens: { limit: LIMIT, remaining, resetAt: world.in(10_000) } });
    world.sure("one", only, apart("one"));
    world.end("one", told(0));
    world.pass(10_000);
    world.sure("two", only, apart("two"));
    world.end("two", told(0));
    expect(short(world.ask(only, apart("next")))).toBe("wait 10000");
  });

  test("is not charged with calls to another pool", () => {
    const world = new World();
    const other = route([candidate("a/small", { pool: "small", capabilities: [] })]);
    world.sure("one", only, apart("one"));
    world.sure("two", other, apart("two"));
    const inputTokens = { limit: LIMIT, remaining: 1_500, resetAt: world.in(MINUTE) };
    world.end("one", reply({}, { inputTokens }));
    expect(short(world.ask(only, apart("next")))).toBe(`chosen ${KEY}`);
  });

  test("stops nobody before a provider has told of any limit", () => {
    const world = new World();
    for (let n = 0; n < 8; n++) {
      world.sure(`call-${n}`, only, { ...apart(`call-${n}`), counts: { [KEY]: 150_000 } });
    }
  });
});
