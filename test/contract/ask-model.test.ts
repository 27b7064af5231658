import type { CallGrant, CallRequest, Clock, Fence, Settlement } from "@headrace/domain";
import {
  ASK_LIMITS,
  type AskLimits,
  askModel,
  checkProvider,
  createModelClient,
  createPriceBook,
  resolveRoutes,
} from "@headrace/models";
import { SIMULATED_MODELS, type Simulator } from "@headrace/simulator";
import { describe, expect, test } from "vitest";
import { clientOf, request, simulate, TIMEOUTS } from "../support/models.ts";

const FENCE: Fence = { run: "r1", step: "r1-t1-code-1", epoch: 1 };

/** Time that passes only by sleeping, all of it counted. */
const createClock = (): Clock & { slept: number[] } => {
  let now = Date.parse("2026-11-21T12:00:00Z");
  const slept: number[] = [];
  return {
    slept,
    now: () => new Date(now),
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      slept.push(ms);
      now += ms;
    },
    random: () => 1,
    id: () => "id",
  };
};

/** A ledger that writes down what it is told, in order. */
const createLedger = (
  grant: (n: number) => CallGrant = (n) => ({ kind: "granted", call: `c${n}` }),
) => {
  const log: string[] = [];
  const reserved: CallRequest[] = [];
  const settled: Settlement[] = [];
  return {
    log,
    reserved,
    settled,
    reserve: async (_: Fence, call: CallRequest) => {
      reserved.push(call);
      log.push(`reserve c${reserved.length}`);
      return grant(reserved.length);
    },
    settle: async (_: Fence, call: string, settlement: Settlement) => {
      settled.push(settlement);
      log.push(`settle ${call} ${settlement.kind}`);
    },
  };
};

const start = (
  simulator: Simulator,
  {
    api = createLedger(),
    limits = ASK_LIMITS,
  }: { api?: ReturnType<typeof createLedger>; limits?: AskLimits } = {},
) => {
  const clock = createClock();
  const deps = { client: clientOf(simulator), api, clock, limits };
  const ask = (signal?: AbortSignal) =>
    askModel(deps, {
      fence: FENCE,
      role: "coder",
      request: request(),
      turn: 1,
      ...(signal === undefined ? {} : { signal }),
    });
  return { api, clock, ask };
};

test("a call is reserved for what was counted, then settled with its reply, once", async () => {
  await using simulator = await simulate([{ text: "done" }]);
  const { api, ask } = start(simulator);
  const result = await ask();
  expect(result).toMatchObject({ kind: "reply", reply: { content: [{ text: "done" }] } });
  expect(api.log).toEqual(["reserve c1", "settle c1 reply"]);
  expect(api.reserved).toEqual([
    {
      role: "coder",
      model: "claude-sonnet-5",
      inputTokens: await clientOf(simulator).countTokens(request()),
      maxOutput: 1000,
    },
  ]);
  expect(api.settled[0]).toMatchObject({
    kind: "reply",
    turn: 1,
    reply: { stopReason: "end_turn" },
  });
});

/** A conversation's second request: what the first said, the reply, and its answer. */
const grown = (output: string) => {
  const first = request();
  const { messages } = first;
  const assistant = { role: "assistant" as const, content: [{ type: "text", text: "Reading." }] };
  const user = { role: "user" as const, content: [{ type: "text", text: output }] };
  return { first, second: request({ messages: [...messages, assistant, user] }) };
};

const askSecond = async (
  simulator: Simulator,
  api: ReturnType<typeof createLedger>,
  { output, believed = (tokens) => tokens }: { output: string; believed?: (n: number) => number },
) => {
  const { first, second } = grown(output);
  const client = clientOf(simulator);
  const tokens = believed(await client.countTokens(first));
  const counted = await client.countTokens(second);
  const before = simulator.requests().length;
  const deps = { client, api, clock: createClock(), limits: ASK_LIMITS };
  const billed = { tokens, messages: first.messages.length };
  const ask = { fence: FENCE, role: "coder" as const, request: second, turn: 2, billed };
  const result = await askModel(deps, ask);
  const paths = simulator.requests().slice(before);
  return { result, counted, paths: paths.map(({ path }) => path) };
};

test.each([
  ["a line", "ok"],
  ["nothing but line breaks", "\n".repeat(5000)],
  ["text of many bytes a character", "漢字🙂".repeat(400)],
  ["control characters and quotes", '\u0001"\\'.repeat(500)],
])(
  "a later call with %s is reserved unasked for no less than it is counted",
  async (_what, output) => {
    await using simulator = await simulate([{ text: "first" }, { text: "done" }]);
    const api = createLedger();
    const { result, counted, paths } = await askSecond(simulator, api, { output });
    expect(result.kind).toBe("reply");
    expect(paths).toEqual(["/v1/messages"]);
    expect(api.reserved[0]?.inputTokens).toBeGreaterThanOrEqual(counted);
  },
);

test("a budget that cannot hold the bound is asked again for what is counted", async () => {
  await using simulator = await simulate([{ text: "first" }, { text: "done" }]);
  const api = createLedger((n) =>
    n === 1
      ? { kind: "refused", why: "budget", reason: "no room" }
      : { kind: "granted", call: `c${n}` },
  );
  const { result, counted, paths } = await askSecond(simulator, api, { output: "x".repeat(900) });
  expect(result.kind).toBe("reply");
  expect(paths).toEqual(["/v1/messages/count_tokens", "/v1/messages"]);
  expect(api.reserved[1]?.inputTokens).toBe(counted);
});

test("a bill that leaves out what was cached is not believed: the call is counted", async () => {
  await using simulator = await simulate([{ text: "first" }, { text: "done" }]);
  const api = createLedger();
  const { counted } = await askSecond(simulator, api, { output: "ok", believed: () => 3 });
  expect(api.reserved.map(({ inputTokens }) => inputTokens)).toEqual([counted]);
});

test("every try has its own reservation, and a failed one is settled before the next", async () => {
  await using simulator = await simulate([
    { error: { status: 529, times: 2 }, cut: true, text: "x".repeat(9_000) },
  ]);
  const { api, clock, ask } = start(simulator);
  expect((await ask()).kind).toBe("reply");
  expect(api.log).toEqual([
    "reserve c1",
    "settle c1 failed",
    "reserve c2",
    "settle c2 failed",
    "reserve c3",
    "settle c3 failed",
    "reserve c4",
    "settle c4 reply",
  ]);
  expect(api.settled.slice(0, 3)).toMatchObject([
    { class: "overload", billed: false, retryInMs: 1000 },
    { class: "overload", billed: false, retryInMs: 2000 },
    { class: "network", billed: true, retryInMs: 4000 },
  ]);
  expect(clock.slept).toEqual([1000, 2000, 4000]);
});

test("a Retry-After is waited out whole", async () => {
  await using simulator = await simulate([{ error: { status: 429, retryAfter: 90 }, text: "ok" }]);
  const { clock, ask } = start(simulator);
  expect((await ask()).kind).toBe("reply");
  expect(clock.slept).toEqual([90_000]);
});

test("a Retry-After longer than an ask may wait names the time to come back", async () => {
  await using simulator = await simulate([
    { error: { status: 429, retryAfter: 3600 }, text: "ok" },
  ]);
  const { api, clock, ask } = start(simulator);
  expect(await ask()).toMatchObject({
    kind: "unavailable",
    retryAt: "2026-11-21T13:00:00.000Z",
    reason: expect.stringContaining("429 rate_limit_error"),
  });
  expect(clock.slept).toEqual([]);
  expect(api.log).toEqual(["reserve c1", "settle c1 failed"]);
});

test("the tries are bounded; a provider that stays down is unavailable for now", async () => {
  await using simulator = await simulate([{ error: { status: 500 } }]);
  const { api, ask } = start(simulator);
  expect(await ask()).toMatchObject({ kind: "unavailable", retryAt: expect.any(String) });
  expect(api.log.filter((line) => line.startsWith("reserve"))).toHaveLength(6);
  expect(api.log.filter((line) => line.startsWith("settle"))).toHaveLength(6);
});

test.each([
  [401, "unavailable"],
  [402, "unavailable"],
  [404, "unavailable"],
  [400, "invalid"],
  [413, "invalid"],
])("status %d is not tried again: %s, without a time to come back", async (status, kind) => {
  await using simulator = await simulate([{ error: { status } }]);
  const { api, clock, ask } = start(simulator);
  const result = await ask();
  expect(result).toEqual({ kind, reason: expect.stringContaining(String(status)) });
  expect(clock.slept).toEqual([]);
  expect(api.log).toEqual(["reserve c1", "settle c1 failed"]);
});

test.each(["budget", "unpriced"] as const)("a refusal (%s) sends nothing", async (why) => {
  await using simulator = await simulate([{ text: "x" }]);
  const api = createLedger(() => ({ kind: "refused", why, reason: "no room" }));
  expect(await start(simulator, { api }).ask()).toEqual({ kind: "budget", reason: "no room" });
  expect(simulator.requests().map((seen) => seen.path)).toEqual(["/v1/messages/count_tokens"]);
});

test("when counting fails nothing is reserved, and it is retried like a call", async () => {
  const simulator = await simulate([{ text: "x" }]);
  await simulator.close();
  const { api, clock, ask } = start(simulator, { limits: { ...ASK_LIMITS, maxTries: 3 } });
  expect(await ask()).toMatchObject({
    kind: "unavailable",
    reason: expect.stringContaining("ECONNREFUSED"),
  });
  expect(api.log).toEqual([]);
  expect(clock.slept).toEqual([1000, 2000]);
});

test("a stop settles the call under way as billable and ends the ask", async () => {
  await using simulator = await simulate([{ text: "late", delayMs: 10_000 }]);
  const { api, ask } = start(simulator);
  const stop = new AbortController();
  const asking = ask(stop.signal);
  await expect
    .poll(() => simulator.requests().some((seen) => seen.path === "/v1/messages"))
    .toBe(true);
  stop.abort(new Error("paused"));
  await expect(asking).rejects.toThrow("paused");
  expect(api.log).toEqual(["reserve c1", "settle c1 failed"]);
  expect(api.settled[0]).toMatchObject({ billed: true, retryInMs: null });
});

test("what the ledger throws ends the ask at once", async () => {
  await using simulator = await simulate([{ text: "x" }]);
  const api = createLedger(() => {
    throw new Error("another worker has the step");
  });
  await expect(start(simulator, { api }).ask()).rejects.toThrow("another worker has the step");
  expect(simulator.requests()).toHaveLength(1);
});

describe("the check before a run", () => {
  test("lists every model, all of them priced and routable", async () => {
    await using simulator = await simulate([{ text: "x" }]);
    const available = await checkProvider(clientOf(simulator));
    expect(available).toEqual(SIMULATED_MODELS);
    const [priceBook, at] = [createPriceBook(), new Date()];
    for (const model of available)
      expect(priceBook.worstCase(model, 1, 1, at), model).toBeGreaterThan(0);
    expect(resolveRoutes({ available, priceBook, at }).coder).toBe("claude-sonnet-5");
  });

  test("no key, a wrong key and an unreachable endpoint each say what to do", async () => {
    await using simulator = await simulate([{ text: "x" }]);
    const { url, apiKey, close } = simulator;
    expect(() => createModelClient({ baseUrl: url, apiKey: " " })).toThrow(/Set ANTHROPIC_API_KEY/);
    const wrong = createModelClient({ baseUrl: url, apiKey: "wrong", timeouts: TIMEOUTS });
    await expect(checkProvider(wrong)).rejects.toThrow(/401.*\n.*Check ANTHROPIC_API_KEY/);
    const right = createModelClient({ baseUrl: url, apiKey, timeouts: TIMEOUTS });
    await close();
    await expect(checkProvider(right)).rejects.toThrow(
      /ECONNREFUSED.*\n.*Check ANTHROPIC_BASE_URL/,
    );
  });
});
