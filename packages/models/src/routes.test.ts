import { type Candidate, type PinnedRoutes, type Role, UserError } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { factsOf } from "./known-models.ts";
import { createPriceBook } from "./price-book.ts";
import { PRICES } from "./prices.ts";
import {
  type NamedRoute,
  providersOf,
  type RouteRequest,
  type Routing,
  resolveRoutes,
  TIERS,
} from "./routes.ts";

const at = new Date("2026-11-21T12:00:00Z");
const ALL = [...TIERS.strong, ...TIERS.middle, ...TIERS.small];

const model = (provider: string, id: string, change: Partial<Candidate> = {}): Candidate => ({
  provider,
  model: id,
  ...factsOf(id),
  ...change,
});
const MODELS = new Map<string, Candidate>([
  ["opus", model("anthropic", "claude-opus-4-8")],
  ["sonnet", model("anthropic", "claude-sonnet-5", { maxOutput: 8000 })],
  ["spare", model("openrouter", "anthropic/claude-opus-4.8")],
  ["spare-sonnet", model("openrouter", "claude-sonnet-5")],
  ["local", model("box", "qwen", { window: 32_000, capabilities: ["tools"] })],
]);
const route = (models: string[], rules: Partial<NamedRoute> = {}): NamedRoute => ({
  models: models.map((name) => ({ model: name })),
  needs: [],
  order: "listed",
  ...rules,
});
const NONE: Routing = { models: new Map(), routes: {}, overrides: [], provider: "anthropic" };
const routing = (change: Partial<Routing> = {}): Routing => ({
  ...NONE,
  models: MODELS,
  ...change,
});

type Case = Partial<RouteRequest> & { offers?: Record<string, string[]>; unpriced?: boolean };
const resolve = ({ offers = { anthropic: ALL }, ...request }: Case) =>
  resolveRoutes({
    routing: NONE,
    ...request,
    offers: new Map(Object.entries(offers)),
    priceBook: createPriceBook(),
    at,
  });

/** `<provider>/<model>` of a role's candidates. */
const of = (routes: PinnedRoutes, role: Role): string[] => {
  const found = routes[role];
  if (found === undefined || typeof found === "string") throw new Error("no route");
  return found.candidates.map((one) => `${one.provider}/${one.model}`);
};

const messageOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as Error).message;
  }
  throw new Error("nothing was thrown");
};

describe("without a configuration", () => {
  test("planner, reviewer and merger get the strong tier, coder and researcher the middle one, with its other models to fall back on", () => {
    const { routes, overrides, notes } = resolve({});
    const strong = TIERS.strong.map((id) => `anthropic/${id}`);
    const middle = TIERS.middle.map((id) => `anthropic/${id}`);
    for (const role of ["planner", "reviewer", "merger"] as const)
      expect(of(routes, role)).toEqual(strong);
    for (const role of ["coder", "researcher"] as const) expect(of(routes, role)).toEqual(middle);
    expect({ overrides, notes }).toEqual({ overrides: [], notes: [] });
  });

  test("each candidate has the pool, window and capabilities of its model", () => {
    expect(resolve({}).routes.coder).toMatchObject({
      candidates: [
        { pool: "sonnet", window: 1_000_000, capabilities: ["tools", "cache", "json", "effort"] },
        { pool: "sonnet" },
        { pool: "sonnet" },
      ],
    });
  });

  test("the reviewer is to differ from the coder, and nobody else from anybody", () => {
    const { routes } = resolve({});
    expect(routes.reviewer).toMatchObject({ differFrom: "coder" });
    for (const role of ["planner", "researcher", "coder", "merger"])
      expect(routes[role]).not.toHaveProperty("differFrom");
  });

  test("a model that is not on offer gives way to the next, in any spelling of it", () => {
    const offers = {
      anthropic: ["anthropic/claude-opus-4.7", "claude-opus-4-6", "claude-sonnet-4-6-20251101"],
    };
    const { routes } = resolve({ offers });
    expect(of(routes, "planner")).toEqual([
      "anthropic/anthropic/claude-opus-4.7",
      "anthropic/claude-opus-4-6",
    ]);
    expect(of(routes, "coder")).toEqual(["anthropic/claude-sonnet-4-6-20251101"]);
  });

  test("the plain id is preferred, and among dated ones the newest", () => {
    const dated = ["claude-opus-4-8-20260115", "claude-opus-4-8-20260301", "claude-sonnet-5"];
    const first = (anthropic: string[]) =>
      of(resolve({ offers: { anthropic } }).routes, "planner")[0];
    expect(first(dated)).toBe("anthropic/claude-opus-4-8-20260301");
    expect(first([...dated, "claude-opus-4-8"])).toBe("anthropic/claude-opus-4-8");
  });

  test("one model named by its id serves every role, alone", () => {
    const { routes } = resolve({ only: "claude-haiku-4-5" });
    expect(Object.keys(routes)).toHaveLength(5);
    for (const role of Object.keys(routes) as Role[]) {
      expect(of(routes, role)).toEqual(["anthropic/claude-haiku-4-5"]);
      expect(routes[role]).not.toHaveProperty("differFrom");
    }
  });
});

describe("with routes of the person's own", () => {
  const spared = routing({
    routes: { coder: route(["sonnet", "spare-sonnet"]), reviewer: route(["spare", "opus"]) },
  });
  const offers = {
    anthropic: ALL,
    openrouter: ["anthropic/claude-opus-4.8", "anthropic/claude-sonnet-5"],
  };

  test("they hold, and roles without one go by tier at the provider that is named first", () => {
    const { routes } = resolve({ routing: spared, offers });
    expect(of(routes, "coder")).toEqual([
      "anthropic/claude-sonnet-5",
      "openrouter/anthropic/claude-sonnet-5",
    ]);
    expect(of(routes, "reviewer")[0]).toBe("openrouter/anthropic/claude-opus-4.8");
    expect(of(routes, "planner")[0]).toBe("anthropic/claude-opus-4-8");
    const other = { ...spared, provider: "openrouter" };
    expect(of(resolve({ routing: other, offers }).routes, "planner")[0]).toBe(
      "openrouter/anthropic/claude-opus-4.8",
    );
  });

  test("only what a route says of differing holds: a list is a list", () => {
    expect(resolve({ routing: spared, offers }).routes.reviewer).not.toHaveProperty("differFrom");
  });

  test("effort is the route's, output at most the lower of what route and model say", () => {
    const entry = { model: "sonnet", effort: "low" as const, maxOutput: 16_000 };
    const coder = { ...route([]), models: [entry, { model: "opus", maxOutput: 4000 }] };
    const { routes } = resolve({ routing: routing({ routes: { coder } }) });
    expect(routes.coder).toMatchObject({
      candidates: [{ effort: "low", maxOutput: 8000 }, { maxOutput: 4000 }],
    });
  });

  test("overrides are resolved in their order", () => {
    const overrides = [
      { task: "docs-*", role: "coder" as const, ...route(["local"]) },
      { task: "*", role: "coder" as const, ...route(["opus"], { order: "cheapest" }) },
    ];
    const resolved = resolve({ routing: routing({ overrides }), unpriced: true });
    expect(resolved.overrides).toMatchObject([
      { task: "docs-*", role: "coder", route: { candidates: [{ provider: "box" }] } },
      { task: "*", route: { order: "cheapest", candidates: [{ model: "claude-opus-4-8" }] } },
    ]);
  });

  test("a configured name given with --model outranks all routes and overrides", () => {
    const overrides = [{ task: "*", role: "coder" as const, ...route(["opus"]) }];
    const { routes, overrides: left } = resolve({
      routing: { ...spared, overrides },
      offers,
      only: "spare",
    });
    for (const role of Object.keys(routes) as Role[])
      expect(of(routes, role)).toEqual(["openrouter/anthropic/claude-opus-4.8"]);
    expect(left).toEqual([]);
  });

  test("names that the repository asks for replace the models of a role and leave its rules", () => {
    const own = routing({ routes: { reviewer: route(["opus"], { needs: ["json"] }) } });
    const { routes } = resolve({
      routing: own,
      repository: { coder: ["opus"], reviewer: ["sonnet"] },
    });
    expect(of(routes, "coder")).toEqual(["anthropic/claude-opus-4-8"]);
    expect(routes.reviewer).toMatchObject({
      candidates: [{ model: "claude-sonnet-5" }],
      needs: ["json"],
    });
    expect(
      resolve({ routing: routing(), repository: { reviewer: ["opus"] } }).routes.reviewer,
    ).toMatchObject({ differFrom: "coder" });
  });

  test("two names of one model are one candidate", () => {
    const models = new Map([...MODELS, ["twin", model("anthropic", "claude-opus-4-8")]]);
    const own = { ...routing({ routes: { coder: route(["opus", "sonnet", "twin"]) } }), models };
    expect(of(resolve({ routing: own }).routes, "coder")).toEqual([
      "anthropic/claude-opus-4-8",
      "anthropic/claude-sonnet-5",
    ]);
  });

  test("a fallback that its provider does not offer is left out and told of", () => {
    const few = { ...offers, openrouter: ["openai/gpt-9"] };
    const own = routing({ routes: { coder: route(["sonnet", "spare-sonnet"]) } });
    const { routes, notes } = resolve({ routing: own, offers: few });
    expect(of(routes, "coder")).toEqual(["anthropic/claude-sonnet-5"]);
    expect(notes).toEqual([
      "routes.coder: openrouter does not offer claude-sonnet-5, which is left out",
    ]);
  });

  test("what a provider offers that did not answer, or lists nothing, is taken from the configuration", () => {
    const own = routing({ routes: { coder: route(["spare-sonnet", "sonnet"]) } });
    expect(of(resolve({ routing: own }).routes, "coder")[0]).toBe("openrouter/claude-sonnet-5");
    const silent = { routing: { ...own, provider: "box" }, only: "qwen3", unpriced: true };
    expect(of(resolve(silent).routes, "coder")).toEqual(["box/qwen3"]);
  });

  test("a provider is needed that some role has first, the others are fallbacks", () => {
    const own = routing({ routes: { coder: route(["sonnet", "spare", "local"]) } });
    expect([...providersOf({ routing: own })]).toEqual([
      ["anthropic", "needed"],
      ["openrouter", "fallback"],
      ["box", "fallback"],
    ]);
    const overrides = [{ task: "a", role: "coder" as const, ...route(["local"]) }];
    expect(providersOf({ routing: { ...own, overrides } }).get("box")).toBe("needed");
    expect([...providersOf({ routing: own, only: "spare" })]).toEqual([["openrouter", "needed"]]);
    expect([...providersOf({ routing: own, only: "claude-haiku-4-5" })]).toEqual([
      ["anthropic", "needed"],
    ]);
  });
});

describe("what cannot be resolved tells what to do", () => {
  const offered = (anthropic: string[], only?: string) => () =>
    resolve({ offers: { anthropic }, ...(only === undefined ? {} : { only }) });

  test("no model of a tier", () => {
    expect(messageOf(offered(["claude-haiku-4-5", "gpt-9"]))).toMatchInlineSnapshot(`
      "no strong model is on offer: looked for claude-opus-4-8, claude-opus-4-7, claude-opus-4-6, claude-opus-5-5, claude-opus-5
        The key may use: claude-haiku-4-5, gpt-9. Name one of them with --model, or give the planner a route in config.yaml."
    `);
  });
  test("a misspelt id", () => {
    expect(messageOf(offered(ALL, "claude-opus-48"))).toMatchInlineSnapshot(`
      "unknown model "claude-opus-48"
        Did you mean claude-opus-4-8, claude-opus-4-7, claude-opus-4-6? The key may use: claude-opus-4-8, claude-opus-4-7, claude-opus-4-6, claude-opus-5-5, claude-opus-5, claude-sonnet-5, claude-sonnet-4-6, claude-sonnet-5-5, claude-haiku-4-5."
    `);
  });
  test("a misspelt name", () => {
    const act = () => resolve({ routing: routing(), only: "sonet" });
    expect(messageOf(act)).toMatch(/^unknown model "sonet"\n {2}Did you mean sonnet, /);
  });
  test("a snapshot that is not on offer is not exchanged for another", () => {
    expect(messageOf(offered(ALL, "claude-opus-4-8-20260115"))).toContain("unknown model");
  });
  test("a key without models", () => {
    expect(messageOf(offered([], "claude-opus-4-8"))).toMatchInlineSnapshot(`
      "unknown model "claude-opus-4-8"
        The key may use no model at all."
    `);
  });
  test("the first model of a route that is not on offer", () => {
    const own = routing({ routes: { coder: route(["sonnet", "opus"]) } });
    const offers = { anthropic: ["claude-opus-4-8", "claude-sonnet-4-6"] };
    expect(messageOf(() => resolve({ routing: own, offers }))).toMatchInlineSnapshot(`
      "routes.coder: anthropic does not offer claude-sonnet-5
        Did you mean claude-sonnet-4-6, claude-opus-4-8? The key may use: claude-opus-4-8, claude-sonnet-4-6."
    `);
  });
  test("a name of the repository's that nobody has configured", () => {
    expect(
      messageOf(() => resolve({ routing: routing(), repository: { coder: ["gold"] } })),
    ).toMatchInlineSnapshot(`
      "gold is not a model of config.yaml
        Configured are opus, sonnet, spare, spare-sonnet, local. Name it under \`models\` there, or name one model for every role with --model."
    `);
  });
  test("a route none of whose models has what it needs", () => {
    const own = routing({ routes: { coder: route(["local"], { needs: ["tools", "json"] }) } });
    expect(messageOf(() => resolve({ routing: own }))).toMatchInlineSnapshot(`
      "routes.coder: none of its models has all that it needs: tools, json
        Name a model that does, or correct its \`capabilities\` in config.yaml."
    `);
  });
  test("a model without a price, until the person gives one or limits the run in tokens", () => {
    const own = routing({ routes: { coder: route(["sonnet", "local"]) } });
    expect(messageOf(() => resolve({ routing: own }))).toMatchInlineSnapshot(`
      "no price is known for qwen, so no budget could hold it
        Add one under \`prices\` in config.yaml of the data directory: {model: qwen, input: 3, output: 15} (USD per million tokens), or limit the run in tokens: --budget-tokens 20000000."
    `);
    expect(of(resolve({ routing: own, unpriced: true }).routes, "coder")[1]).toBe("box/qwen");
    const priced = createPriceBook([...PRICES, { model: "qwen", input: "0", output: "0" }]);
    const offers = new Map([["anthropic", ALL]]);
    const { routes } = resolveRoutes({ routing: own, offers, priceBook: priced, at });
    expect(of(routes, "coder")[1]).toBe("box/qwen");
  });
});
