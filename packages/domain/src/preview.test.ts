import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Pico } from "./money.ts";
import type { CallRow } from "./ports/ledger.ts";
import { Preview, type PreviewFacts, previewOf } from "./preview.ts";
import { experienceOf, PRIORS } from "./preview-jobs.ts";
import type { Route } from "./route.ts";
import { proposalOf, RunLog, taskInput } from "./run-log-fixture.ts";
import { NO_USAGE, type TokenUsage, totalTokens } from "./usage.ts";

const route = (...models: string[]): Route => ({
  candidates: models.map((model) => ({
    ...{ provider: "anthropic", model, pool: "default" },
    ...{ window: 200_000, capabilities: [] },
  })),
  needs: [],
  order: "listed",
});

/** 1 pico-dollar a token, so that cost and tokens can be compared. */
const dollarATrillion = (_: unknown, usage: TokenUsage): Pico => totalTokens(usage);

const factsOf = (
  tasks: Record<string, unknown>[],
  over: Partial<PreviewFacts> = {},
): PreviewFacts => ({
  plan: proposalOf(tasks),
  landed: new Set(),
  routes: { researcher: route("r"), coder: route("c"), reviewer: route("v"), merger: route("m") },
  overrides: [],
  machineTime: { tasks: tasks.length, gatesMs: 60_000, checksMs: 120_000, unmeasured: [] },
  experience: { jobs: {}, tries: [] },
  slots: 4,
  before: { tokens: 0, cost: 7 },
  price: dollarATrillion,
  ...over,
});

describe("the preview of a plan", () => {
  it("tells the fan-out: tasks, how many at once, how long the chain", () => {
    const plan = [
      taskInput("a"),
      taskInput("b", { blockedBy: ["a"] }),
      taskInput("c", { blockedBy: ["a"] }),
      taskInput("d", { blockedBy: ["b", "c"] }),
    ];
    expect(previewOf(factsOf(plan))).toMatchObject({ tasks: 4, width: 2, depth: 3 });
    const later = factsOf(plan, { landed: new Set(["a"]) });
    expect(previewOf(later)).toMatchObject({ tasks: 3, width: 2, depth: 2 });
  });

  it("without experience comes from priors, and says so of every role", () => {
    const preview = previewOf(factsOf([taskInput("a")]));
    expect(preview).toMatchInlineSnapshot(`
      {
        "before": {
          "cost": 7,
          "tokens": 0,
        },
        "calls": {
          "high": 192,
          "likely": 56,
          "low": 16,
        },
        "cost": {
          "high": 10674366,
          "likely": 1547350,
          "low": 254000,
        },
        "depth": 1,
        "ms": {
          "high": 7149972,
          "likely": 1085400,
          "low": 226000,
        },
        "roles": [
          {
            "calls": 35,
            "cost": 1141000,
            "models": [
              "anthropic/c",
            ],
            "role": "coder",
            "samples": 0,
            "tokens": 1141000,
          },
          {
            "calls": 19,
            "cost": 369600,
            "models": [
              "anthropic/v",
            ],
            "role": "reviewer",
            "samples": 0,
            "tokens": 369600,
          },
          {
            "calls": 2,
            "cost": 36750,
            "models": [
              "anthropic/m",
            ],
            "role": "merger",
            "samples": 0,
            "tokens": 36750,
          },
        ],
        "tasks": 1,
        "tokens": {
          "high": 10674366,
          "likely": 1547350,
          "low": 254000,
        },
        "unpriced": [],
        "width": 1,
      }
    `);
    expect(preview.roles.every(({ samples }) => samples === 0)).toBe(true);
  });

  it("counts a researcher only for tasks with a question, and more turns of a coder for a permit", () => {
    const plain = previewOf(factsOf([taskInput("a")]));
    const asks = previewOf(factsOf([taskInput("a", { research: "How?" })]));
    const permitted = previewOf(factsOf([taskInput("a", { permits: ["lockfile"] })]));
    expect(plain.roles.map(({ role }) => role)).not.toContain("researcher");
    expect(asks.calls.likely - plain.calls.likely).toBe(PRIORS.researcher.calls.likely);
    expect(permitted.calls.likely).toBeGreaterThan(plain.calls.likely);
  });

  it("has no cost where a model that it counts on has no price, and names the model", () => {
    const price = ({ model }: { model: string }) => (model === "v" ? undefined : 1);
    const preview = previewOf(factsOf([taskInput("a")], { price }));
    expect(preview.cost).toBeUndefined();
    expect(preview.unpriced).toEqual(["anthropic/v"]);
  });

  it("leaves out a role that an older run has no route for", () => {
    const { roles } = previewOf(factsOf([taskInput("a")], { routes: { coder: "some-model" } }));
    expect(roles.map(({ role, models }) => [role, models])).toEqual([
      ["coder", ["anthropic/some-model"]],
    ]);
  });

  it("takes the route of a task's own, and of models to be taken by price the cheapest", () => {
    const price = ({ model }: { model: string }) => (model === "dear" ? 1000 : 10);
    const cheapest: Route = { ...route("dear", "cheap"), order: "cheapest" };
    const override = { task: "a*", role: "coder" as const, route: cheapest };
    const preview = previewOf(
      factsOf([taskInput("a1"), taskInput("b1")], { price, overrides: [override] }),
    );
    const coder = preview.roles.find(({ role }) => role === "coder");
    expect(coder?.models).toEqual(["anthropic/cheap", "anthropic/c"]);
  });

  it("of a chain takes longer than of as many tasks side by side, and never less than the slots allow", () => {
    const chain = ["a", "b", "c", "d"].map((id, i, ids) =>
      taskInput(id, { blockedBy: i === 0 ? [] : [ids[i - 1] ?? ""] }),
    );
    const wide = ["a", "b", "c", "d"].map((id) => taskInput(id));
    const inOrder = previewOf(factsOf(chain)).ms.likely;
    const beside = previewOf(factsOf(wide)).ms.likely;
    expect(beside).toBeLessThan(inOrder);
    expect(previewOf(factsOf(wide, { slots: 1 })).ms.likely).toBe(inOrder);
  });

  it("is a valid one for any plan, with every range in order", () => {
    const chained = fc.array(fc.record({ asks: fc.boolean(), after: fc.nat(5) }), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(chained, fc.boolean(), (shape, priced) => {
        const tasks = shape.map(({ asks, after }, i) =>
          taskInput(`t${i}`, {
            ...(asks ? { research: "How?" } : {}),
            blockedBy: after > 0 && i >= after ? [`t${i - after}`] : [],
          }),
        );
        const price = priced ? dollarATrillion : () => undefined;
        const preview = Preview.parse(previewOf(factsOf(tasks, { price })));
        for (const range of [
          preview.calls,
          preview.tokens,
          preview.ms,
          preview.cost ?? preview.ms,
        ]) {
          expect(range.low).toBeLessThanOrEqual(range.likely);
          expect(range.likely).toBeLessThanOrEqual(range.high);
        }
        if (preview.cost) expect(preview.cost.likely).toBe(preview.tokens.likely);
      }),
      { numRuns: 200 },
    );
  });
});

describe("experience", () => {
  const USAGE: TokenUsage = { ...NO_USAGE, input: 100, output: 50 };
  const call = (step: string, n: number, over: Partial<CallRow> = {}): CallRow => ({
    ...{ id: `${step}-${n}`, run: "run-1", step, epoch: 1, role: "coder", turn: n, ask: "x" },
    ...{ provider: "anthropic", model: "c", amount: 9, tokens: 9, state: "settled", cost: 5 },
    at: new Date(n * 10_000).toISOString(),
    settledAt: new Date(n * 10_000 + 4000).toISOString(),
    usage: USAGE,
    ...over,
  });

  /** A run whose tasks, each with so many calls of its coder, have landed. */
  const ran = (callsByTask: Record<string, number>) => {
    const ids = Object.keys(callsByTask);
    const log = new RunLog({ amounts: "pico" }).plan(
      1,
      ids.map((id) => taskInput(id)),
    );
    const calls: CallRow[] = [];
    for (const [id, count] of Object.entries(callsByTask)) {
      const step = `run-1-${id}-code-1`;
      const about = { task: id, attempt: 1 };
      const input = {
        kind: "agent",
        role: "coder",
        commit: "a".repeat(40),
        attempt: 1,
        conversation: 1,
        brief: {},
      } as const;
      const thread = { kind: "task", id } as const;
      log.start(id).add({ type: "attempt.started", base: "a".repeat(40) }, about);
      log.add({ type: "step.requested", step, subject: id, thread, input }, about);
      const end = { end: "submitted", output: {}, model: "c", turns: count } as const;
      log.add({ type: "step.finished", step, result: { kind: "agent", result: end } }, about);
      log.land(id);
      for (let n = 1; n <= count; n += 1) calls.push(call(step, n));
    }
    return { state: log.state, calls };
  };

  it("of enough landed tasks takes the place of priors, with its size told", () => {
    const known = ran({ a: 2, b: 2, c: 4, d: 6, e: 6 });
    const preview = previewOf(factsOf([taskInput("x")], { experience: experienceOf([known]) }));
    const coder = preview.roles.find(({ role }) => role === "coder");
    expect(coder).toMatchObject({ samples: 5, calls: 4, tokens: 600 });
    expect(preview.roles.find(({ role }) => role === "reviewer")?.samples).toBe(0);
  });

  it("of fewer than five says too little", () => {
    const experience = experienceOf([ran({ a: 1, b: 1, c: 1, d: 1 })]);
    expect(previewOf(factsOf([taskInput("x")], { experience }))).toEqual(
      previewOf(factsOf([taskInput("x")])),
    );
  });

  it("is not made of calls that cost nothing or are open, nor of tasks that did not land", () => {
    const { state, calls } = ran({ a: 2 });
    const more = [call("run-1-a-code-1", 3, { state: "released" }), call("run-1-z-code-1", 1)];
    const { jobs, tries } = experienceOf([{ state, calls: [...calls, ...more] }]);
    expect(jobs.coder).toEqual([
      { calls: 2, ms: 14_000, usage: { ...USAGE, input: 200, output: 100 } },
    ]);
    expect(tries).toEqual([1]);
  });
});
