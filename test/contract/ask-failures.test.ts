import {
  type AskResult,
  type CallGrant,
  formatUserId,
  type ModelClients,
  type ModelRequest,
} from "@headrace/domain";
import { askModel } from "@headrace/models";
import type { Simulator } from "@headrace/simulator";
import { describe, expect, test } from "vitest";
import {
  type Control,
  createClock,
  createControl,
  FENCE,
  granted,
  OPUS,
  SONNET,
} from "../support/control-stub.ts";
import { CODER, clientOf, request, simulate } from "../support/models.ts";

const start = (
  simulator: Simulator,
  control: Control = createControl(),
  clients: ModelClients = async () => clientOf(simulator),
) => {
  const { model: _, maxTokens: __, ...asked } = request();
  const clock = createClock();
  const ask = (
    signal?: AbortSignal,
    change: Partial<ModelRequest> = {},
    work?: AbortSignal,
  ): Promise<AskResult> =>
    askModel(
      { clients, api: control, clock },
      {
        ...{ fence: FENCE, role: "coder", turn: 1, maxOutput: 1000 },
        request: { ...asked, ...change },
        ...(signal === undefined ? {} : { signal }),
        ...(work === undefined ? {} : { work }),
      },
    );
  return { control, clock, ask };
};

test("every try is settled before the next is asked for, with what is known of it", async () => {
  await using simulator = await simulate([
    { error: { status: 529, times: 2 }, cut: -2, text: "x".repeat(9_000) },
  ]);
  const { control, ask } = start(simulator);
  expect((await ask()).kind).toBe("reply");
  expect(control.log).toEqual([
    ...["reserve granted", "settle c1 overload"],
    ...["reserve granted", "settle c2 overload"],
    ...["reserve granted", "began c3", "settle c3 network"],
    ...["reserve granted", "began c4", "settle c4 reply"],
  ]);
  expect(control.settled.slice(0, 3)).toMatchObject([
    { failure: { class: "overload", status: 529 }, billed: false },
    { failure: { class: "overload", status: 529 }, billed: false },
    {
      failure: { class: "network", reason: expect.stringContaining("broke off") },
      billed: true,
      seen: { state: "partial", usage: { output: 1 } },
      firstByteMs: 0,
    },
  ]);
  expect(control.settled[0]).not.toHaveProperty("seen");
});

test("a wait that the provider names is handed on as it is, with its rate limits", async () => {
  await using simulator = await simulate(
    [{ error: { status: 429, retryAfter: 7200 }, text: "ok" }],
    { limits: { requests: 50 } },
  );
  const { control, ask } = start(simulator);
  const before = Date.now();
  expect((await ask()).kind).toBe("reply");
  const [failed, replied] = control.settled;
  const until = failed?.kind === "failed" ? Date.parse(failed.failure.until ?? "") : 0;
  expect(until).toBeGreaterThanOrEqual(before + 7_200_000);
  expect(until).toBeLessThanOrEqual(Date.now() + 7_200_000);
  expect([failed, replied]).toMatchObject([
    { rate: { requests: { limit: 50, remaining: 49 } } },
    { rate: { requests: { limit: 50, remaining: 48 } } },
  ]);
});

describe("a reply of no use is billed as reported, and another candidate is asked", () => {
  test.each([
    ["refusal", "refusal"],
    ["model_context_window_exceeded", "context"],
  ])("%s", async (stop, expected) => {
    await using refusing = await simulate([{ text: "I cannot do that.", stop }]);
    await using willing = await simulate([{ text: "done" }]);
    const other = { ...OPUS, provider: "other" };
    const control = createControl((_, nth) => granted(nth === 1 ? SONNET : other));
    const { ask } = start(refusing, control, async (provider) =>
      clientOf(provider === "other" ? willing : refusing),
    );
    expect(await ask()).toMatchObject({
      kind: "reply",
      candidate: other,
      reply: { content: [{ text: "done" }] },
    });
    expect(control.settled[0]).toMatchObject({
      failure: {
        class: expected,
        reason: expect.stringMatching(/^anthropic\/claude-sonnet-5 .*I cannot do that/),
      },
      billed: true,
      seen: { state: "reported", usage: { input: expect.any(Number), output: expect.any(Number) } },
    });
  });

  test("when none is left, the refusal is told", async () => {
    await using simulator = await simulate([{ text: "I cannot do that.", stop: "refusal" }]);
    const control = createControl((_, nth) =>
      nth === 1 ? granted() : { kind: "invalid", reason: "no candidate accepts the request" },
    );
    expect(await start(simulator, control).ask()).toEqual({
      kind: "invalid",
      reason:
        "no candidate accepts the request (anthropic/claude-sonnet-5 refused: I cannot do that.)",
    });
  });
});

describe("a usage that cannot be is billed, and nobody knows how much", () => {
  test.each([
    ["none", "none"],
    ["negative output", { say: { output_tokens: -5 } }],
    ["half a token", { say: { input_tokens: 0.5 } }],
    ["a prompt of no tokens", { say: { input_tokens: 0 } }],
    ["-1 in 32 bits", { say: { input_tokens: 2 ** 32 - 1 } }],
    [
      "more cached than prompted",
      { shape: "chat", say: { prompt_tokens: 1, prompt_tokens_details: { cached_tokens: 2 } } },
    ],
  ])("%s", async (_, usage) => {
    await using simulator = await simulate([{ text: "done", usage }]);
    const control = createControl((__, nth) =>
      nth === 1 ? granted() : { kind: "unavailable", reason: "given up" },
    );
    expect((await start(simulator, control).ask()).kind).toBe("unavailable");
    expect(control.settled).toMatchObject([{ failure: { class: "server" }, billed: true }]);
    expect(control.settled[0]).not.toMatchObject({ seen: { state: "reported" } });
  });

  test("told again and again while it grows, it is the last that counts", async () => {
    const text = "x".repeat(4000);
    await using repeating = await simulate([{ text, usage: { lines: 7 } }]);
    await using once = await simulate([{ text }]);
    const usageOf = async (simulator: Simulator) => {
      const result = await start(simulator).ask();
      return result.kind === "reply" ? result.reply.usage : undefined;
    };
    expect(await usageOf(repeating)).toEqual(await usageOf(once));
  });

  test("whichever way it is told, it is the same usage", async () => {
    const usages = [];
    for (const shape of ["anthropic", "openrouter", "chat"]) {
      await using simulator = await simulate([{ text: "done", usage: { shape } }]);
      const result = await start(simulator).ask();
      usages.push(result.kind === "reply" ? result.reply.usage : undefined);
    }
    expect(usages[0]).toMatchObject({ input: expect.any(Number) });
    expect(usages[1]).toEqual(usages[0]);
    expect(usages[2]).toEqual(usages[0]);
  });

  test("a cost that the provider states is handed on with the reply", async () => {
    await using simulator = await simulate([{ text: "done" }], { provider: "openrouter" });
    const control = createControl(() => granted({ ...SONNET, model: "anthropic/claude-opus-4.8" }));
    await start(simulator, control).ask();
    const [settled] = control.settled;
    const { usage, reportedCost } =
      settled?.kind === "reply" ? { ...settled, usage: settled.reply.usage } : {};
    const { input = 0, output = 0 } = usage ?? {};
    expect(reportedCost).toBe(input * 3_000_000 + output * 15_000_000);
  });
});

describe("a stop", () => {
  test("settles the call under way as billable and ends the ask", async () => {
    await using simulator = await simulate([{ text: "late", stall: 2 }]);
    const { control, ask } = start(simulator);
    const stop = new AbortController();
    const asking = ask(stop.signal);
    await expect.poll(() => control.log).toContain("began c1");
    stop.abort(new Error("paused"));
    await expect(asking).rejects.toThrow("paused");
    expect(control.log).toEqual(["reserve granted", "began c1", "settle c1 network"]);
    expect(control.settled[0]).toMatchObject({ billed: true, seen: { state: "partial" } });
  });

  test("before a granted call is sent tells that it was not", async () => {
    await using simulator = await simulate([{ text: "x" }]);
    const stop = new AbortController();
    const control = createControl(() => {
      stop.abort(new Error("paused"));
      return granted();
    });
    await expect(start(simulator, control).ask(stop.signal)).rejects.toThrow("paused");
    expect(control.settled).toEqual([{ kind: "unsent" }]);
    expect(simulator.requests()).toEqual([]);
  });

  test("of the work leaves the call under way alone, and nothing is begun after it", async () => {
    await using simulator = await simulate([{ cut: -2, text: "x".repeat(9_000) }]);
    const work = new AbortController();
    const control = {
      ...createControl(),
      began: async () => work.abort(new Error("paused")),
    };
    const asking = start(simulator, control).ask(new AbortController().signal, {}, work.signal);
    await expect(asking).rejects.toThrow("paused");
    expect(control.log).toEqual(["reserve granted", "settle c1 network"]);
    expect(control.settled[0]).toMatchObject({
      failure: { reason: expect.stringContaining("broke off") },
    });
  });

  test("of the work before a granted call is sent tells that it was not", async () => {
    await using simulator = await simulate([{ text: "x" }]);
    const work = new AbortController();
    const control = createControl(() => {
      work.abort(new Error("paused"));
      return granted();
    });
    const asking = start(simulator, control).ask(undefined, {}, work.signal);
    await expect(asking).rejects.toThrow("paused");
    expect(control.settled).toEqual([{ kind: "unsent" }]);
    expect(simulator.requests()).toEqual([]);
  });

  test.each<[string, CallGrant]>([
    ["while it waits", { kind: "wait", ms: 1000, reason: "busy" }],
    ["while it counts", { kind: "count", candidate: SONNET }],
  ])("%s ends the ask with nothing to settle", async (_, grant) => {
    await using simulator = await simulate([{ text: "x" }]);
    const stop = new AbortController();
    const control = createControl(() => {
      stop.abort(new Error("paused"));
      return grant;
    });
    await expect(start(simulator, control).ask(stop.signal)).rejects.toThrow("paused");
    expect(control.log).toEqual([`reserve ${grant.kind}`]);
  });
});

test("what limits and outages took of an ask is told with its reply, which takes its own time", async () => {
  await using simulator = await simulate([{ error: { status: 529, times: 1 }, text: "done" }]);
  const control = createControl((_, nth) =>
    nth === 1 ? { kind: "wait", ms: 90_000, reason: "busy" } : granted(),
  );
  const client = clientOf(simulator);
  const { ask, clock } = start(simulator, control, async () => ({
    ...client,
    async complete(...sent) {
      await clock.sleep(20_000);
      return client.complete(...sent);
    },
  }));
  expect(await ask()).toMatchObject({ kind: "reply", waitedMs: 90_000 + 20_000 });
  expect(control.settled).toMatchObject([{ durationMs: 20_000 }, { durationMs: 20_000 }]);
});

test("what the control plane throws ends the ask at once", async () => {
  await using simulator = await simulate([{ text: "x" }]);
  const control = createControl(() => {
    throw new Error("another worker has the step");
  });
  await expect(start(simulator, control).ask()).rejects.toThrow("another worker has the step");
  expect(simulator.requests()).toEqual([]);
});

test("news of a first byte that does not arrive harms nothing", async () => {
  await using simulator = await simulate([{ text: "done" }]);
  const control = {
    ...createControl(),
    began: () => Promise.reject(new Error("the control plane is away")),
  };
  expect((await start(simulator, control).ask()).kind).toBe("reply");
});

test("under a storm every call ends in one reply, and every try is settled", async () => {
  const turns = Array.from({ length: 20 }, (_, i) => ({ text: `reply ${i}` }));
  await using simulator = await simulate(turns, {
    storm: { seed: "storm", share: 0.5, kinds: ["rate", "overload", "server", "cut", "error"] },
  });
  const { control, ask } = start(simulator);
  const runs = Array.from({ length: 20 }, (_, i) => formatUserId({ ...CODER, run: `r${i}` }));
  for (const userId of runs) expect((await ask(undefined, { userId })).kind).toBe("reply");
  const { length } = control.settled;
  expect(length).toBe(control.log.filter((line) => line === "reserve granted").length);
  expect(control.settled.filter(({ kind }) => kind === "reply")).toHaveLength(runs.length);
  expect(simulator.completed()).toEqual({ count: runs.length, repeated: [] });
});
