import { describe, expect, test } from "vitest";
import { select } from "./index.ts";
import { candidate, reply, route, World } from "./router-fixture.ts";
import type { Selection } from "./select.ts";

const A = "a/one-x5";
const B = "b/two-x1";
const C = "c/three-x2";
const both = route([A, B]);
const HOUR = 3_600_000;

const other = (n: number) => ({ request: { ask: `other-${n}` } });

/** Five failures of other askings' calls, so that the candidate's circuit opens. */
const tripped = (world: World, key: string): void => {
  for (let n = 1; n <= 5; n++) world.sure(`${key}-${n}`, route([key]), other(n));
  for (let n = 1; n <= 5; n++) world.fail(`${key}-${n}`, "server");
};

const limited = (world: World, key: string, ms: number): void => {
  world.sure(`${key}-limited`, route([key]), other(0));
  world.fail(`${key}-limited`, "rate", { until: world.in(ms) });
};

const filled = (world: World, key: string): void => {
  const own = (n: number) => ({ request: { ask: `full-${n}`, prefix: `prefix-${n}` } });
  for (let n = 1; n <= 8; n++) world.sure(`${key}-full-${n}`, route([key]), own(n));
};

const pinned = (world: World, key: string, ago = 30_000, promptTokens = 50_000) => ({
  pinned: { candidate: key, promptTokens, at: new Date(world.at - ago) },
  request: { inputBound: promptTokens + 3_000 },
});

/** Each is one question to the router; its record stands in a file of this name. */
const SCENARIOS: Record<string, (world: World) => Selection> = {
  "the first listed is taken": (world) => world.ask(both),
  "the cheapest is taken when asked for": (world) =>
    world.ask(route([A, C, B], { order: "cheapest" })),
  "of two as cheap the name decides": (world) =>
    world.ask(route(["z/same", "b/same", "m/same"], { order: "cheapest" })),
  "a conversation stays with its dearer model": (world) =>
    world.ask(route([B, A], { order: "cheapest" }), pinned(world, A)),
  "a conversation stays after five minutes, when its cache is cold": (world) =>
    world.ask(route([B, A]), pinned(world, A, 300_000)),
  "a model without what the route needs is passed over": (world) =>
    world.ask(route([candidate(A, { capabilities: ["tools"] }), B], { needs: ["cache"] })),
  "no model has what the route needs": (world) => world.ask(route([A, B], { needs: ["json"] })),
  "a bound beyond the window is counted first": (world) =>
    world.ask(both, { request: { inputBound: 199_000 } }),
  "a prompt that is counted beyond the window goes to a larger one": (world) =>
    world.ask(route([A, candidate(B, { window: 1_000_000 })]), {
      request: { inputBound: 600_000 },
      counts: { [A]: 198_000 },
    }),
  "a window that leaves some room is given a shorter reply": (world) =>
    world.ask(both, { request: { inputBound: 600_000 }, counts: { [A]: 194_000 } }),
  "a prompt that nobody can count is sent to whom it seems to fit": (world) =>
    world.ask(route([candidate(A, { window: 32_000 }), B]), {
      request: { inputBound: 60_000 },
      counts: { [A]: 60_100 },
    }),
  "a prompt that fits no window": (world) =>
    world.ask(both, { request: { inputBound: 600_000 }, counts: { [A]: 199_000, [B]: 210_000 } }),
  "a prompt too long for the only model that is not out for an hour": (world) => {
    world.sure("out", route([C]), other(0));
    world.fail("out", "credit");
    return world.ask(route([A, C]), { request: { inputBound: 600_000 }, counts: { [A]: 199_000 } });
  },
  "a model without a price is refused": (world) => world.ask(route(["local/free"])),
  "a model without a price is used where tokens are budgeted": (world) =>
    world.ask(route(["local/free", B]), { unpriced: "allowed" }),
  "of unknown price is last when the cheapest is asked for": (world) =>
    world.ask(route(["local/free", A], { order: "cheapest" }), { unpriced: "allowed" }),
  "a cheaper one is taken where the first passes a budget": (world) =>
    world.ask(both, { overBudget: { [A]: {} } }),
  "a cheaper one is taken although the budget may soon hold the first": (world) =>
    world.ask(both, { overBudget: { [A]: { until: world.in(2_000) } } }),
  "no budget holds any": (world) => world.ask(both, { overBudget: { [A]: {}, [B]: {} } }),
  "the day's budget is used up": (world) => {
    const until = "2026-11-22T00:00:00.000Z";
    return world.ask(both, { overBudget: { [A]: { until }, [B]: { until } } });
  },
  "the next is taken while a circuit is open for longer": (world) => {
    tripped(world, A);
    world.pass(5_000);
    world.sure("probe", route([A]), other(9));
    world.fail("probe", "server");
    return world.ask(both);
  },
  "all circuits are open: the first to close is waited for": (world) => {
    tripped(world, A);
    world.pass(2_000);
    tripped(world, B);
    return world.ask(both);
  },
  "a circuit is being tried by another call": (world) => {
    tripped(world, A);
    world.pass(5_000);
    world.sure("probe", route([A]), other(9));
    return world.ask(route([A]));
  },
  "everyone is out for longer than may be waited": (world) => {
    limited(world, A, 2 * HOUR);
    limited(world, B, HOUR);
    return world.ask(both);
  },
  "every key is refused": (world) => {
    for (const key of [A, B]) {
      world.sure(key, route([key]), other(0));
      world.fail(key, "auth");
    }
    return world.ask(both);
  },
  "one key is refused and the other provider is out of credit": (world) => {
    world.sure("auth", route([A]), other(0));
    world.fail("auth", "auth");
    world.sure("credit", route([B]), other(0));
    world.fail("credit", "credit", { until: "2026-12-01T00:00:00.000Z" });
    return world.ask(both);
  },
  "the pool has too few tokens left": (world) => {
    world.sure("told", route([A]), other(0));
    const inputTokens = { limit: 50_000, remaining: 500, resetAt: world.in(40_000) };
    world.end("told", reply({}, { inputTokens }));
    return world.ask(both);
  },
  "what is read from the cache does not count in the pool": (world) => {
    world.sure("told", route([A]), other(0));
    const inputTokens = { limit: 50_000, remaining: 2_000, resetAt: world.in(40_000) };
    world.end("told", reply({}, { inputTokens }));
    return world.ask(both, pinned(world, A));
  },
  "a busy provider is waited for at first": (world) => {
    filled(world, A);
    return world.ask(both);
  },
  "a provider that stays busy is left for the next": (world) => {
    filled(world, A);
    world.ask(both);
    world.pass(5_001);
    return world.ask(both);
  },
  "a sibling writes the prefix": (world) => {
    world.sure("first", both, { request: { ask: "first", prefix: "shared" } });
    return world.ask(both, { request: { prefix: "shared" } });
  },
  "a reviewer has another model than the author": (world) =>
    world.ask(route([A, B], { differFrom: "coder" }), { authorModel: "one-x5" }),
  "a reviewer has the author's model where there is no other": (world) => {
    limited(world, B, HOUR);
    return world.ask(route([A, B], { differFrom: "coder" }), { authorModel: "one-x5" });
  },
  "a conversation waits for its model for half a minute": (world) => {
    limited(world, A, 30_000);
    return world.ask(both, pinned(world, A));
  },
  "a conversation leaves a model that is out for longer": (world) => {
    limited(world, A, 30_001);
    return world.ask(both, pinned(world, A));
  },
  "five tries are all": (world) => {
    const three = route([A, B, C]);
    for (let n = 1; n <= 5; n++) {
      const selection = world.send(`try-${n}`, three);
      if (selection.kind === "wait") world.pass(selection.ms);
      if (selection.kind === "wait") world.sure(`try-${n}`, three);
      world.fail(`try-${n}`, "network");
    }
    world.pass(60_000);
    return world.ask(three);
  },
  "one that has used up its tries is not waited for, although it opens soon": (world) => {
    for (let n = 1; n <= 3; n++) {
      const selection = world.send(`try-${n}`, route([A]));
      if (selection.kind === "wait") world.pass(selection.ms);
      if (selection.kind === "wait") world.sure(`try-${n}`, route([A]));
      world.fail(`try-${n}`, "server", n === 3 ? { until: world.in(40_000) } : {});
    }
    return world.ask(route([A]));
  },
  "fifteen minutes are all": (world) => {
    world.ask(both);
    world.pass(15 * 60_000);
    return world.ask(both);
  },
  "a request is invalid to one that has replied to none of the run": (world) => {
    world.sure("one", both);
    world.fail("one", "invalid");
    return world.ask(both);
  },
  "a request is invalid to all, and none has replied to any of the run": (world) => {
    for (const call of ["one", "two"]) {
      world.sure(call, both);
      world.fail(call, "invalid");
    }
    return world.ask(both);
  },
  "a request is invalid to one that has replied in the run": (world) => {
    world.sure("one", both);
    world.fail("one", "invalid");
    return world.ask(both, { proven: [A] });
  },
  "two have refused": (world) => {
    const three = route([A, B, C]);
    world.sure("one", three);
    world.fail("one", "refusal");
    world.sure("two", three);
    world.fail("two", "refusal");
    return world.ask(three);
  },
};

/** The selection as its caller sees it, with the record inside it. */
const text = (selection: Selection): string => `${JSON.stringify(selection, null, 2)}\n`;

describe("the router's choice", () => {
  test.each(Object.entries(SCENARIOS))("%s", async (name, play) => {
    const file = `__snapshots__/${name.replace(/[^a-z]+/gi, "-")}.json`;
    await expect(text(play(new World()))).toMatchFileSnapshot(file);
  });

  test("is the same for the same question", () => {
    for (const play of Object.values(SCENARIOS)) {
      expect(play(new World())).toEqual(play(new World()));
    }
  });

  test("changes nothing of what it is asked with, and says of every candidate why", () => {
    const world = new World();
    tripped(world, A);
    const asking = world.asking(route([A, B, C]));
    const { price, ...before } = asking;
    const copy = structuredClone(before);
    const selection = select(asking, world.now);
    const { price: _, ...after } = asking;
    expect(after).toEqual(copy);
    expect(price).toBe(asking.price);
    expect(selection.kind === "count" ? [] : selection.decision.considered).toHaveLength(3);
  });
});
