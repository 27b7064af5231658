import {
  type AskResult,
  type CallGrant,
  type ModelClients,
  type ModelRequest,
  UserError,
} from "@headrace/domain";
import { type Ask, askModel } from "@headrace/models";
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
import { clientOf, request, simulate } from "../support/models.ts";

/** A request as the agent gives it: which model it goes to is decided elsewhere. */
const asked = (change: Partial<ModelRequest> = {}): Ask["request"] => {
  const { model: _, maxTokens: __, ...rest } = request(change);
  return rest;
};

const saying = (text: string) =>
  asked({ messages: [{ role: "user", content: [{ type: "text", text }] }] });

const start = (
  simulator: Simulator,
  control: Control = createControl(),
  clients: ModelClients = async () => clientOf(simulator),
) => {
  const clock = createClock();
  const deps = { clients, api: control, clock };
  const ask = (change: Partial<Ask> = {}): Promise<AskResult> =>
    askModel(deps, {
      fence: FENCE,
      role: "coder",
      request: asked(),
      maxOutput: 2000,
      turn: 1,
      ...change,
    });
  return { control, clock, ask };
};

const pathsOf = (simulator: Simulator): string[] => simulator.requests().map(({ path }) => path);

test("a granted call is sent as it was granted, and settled with its reply, once", async () => {
  await using simulator = await simulate([{ text: "done" }]);
  const control = createControl(() => ({ ...granted(OPUS, 700), wrapUp: "80 %" }) as CallGrant);
  const { ask } = start(simulator, control);
  expect(await ask()).toMatchObject({
    kind: "reply",
    reply: { content: [{ text: "done" }] },
    candidate: OPUS,
    wrapUp: "80 %",
  });
  expect(control.log).toEqual(["reserve granted", "began c1", "settle c1 reply"]);
  expect(control.settled[0]).toMatchObject({
    kind: "reply",
    turn: 1,
    reply: { stopReason: "end_turn" },
    durationMs: 0,
    firstByteMs: 0,
  });
  expect(pathsOf(simulator)).toEqual(["/v1/messages"]);
  expect(simulator.requests()[0]?.body).toMatchObject({
    model: "claude-opus-4-8",
    max_tokens: 700,
    output_config: { effort: "low" },
  });
});

test("cache marks are sent to a candidate that has a cache, and effort where it is set", async () => {
  await using simulator = await simulate([{ text: "done" }]);
  const plain = { ...SONNET, capabilities: [] };
  const bodyFor = async (candidate = SONNET) => {
    await start(
      simulator,
      createControl(() => granted(candidate)),
    ).ask();
    return JSON.stringify(simulator.requests().at(-1)?.body);
  };
  expect(await bodyFor()).toContain('"cache_control"');
  expect(await bodyFor(plain)).not.toContain('"cache_control"');
  expect(await bodyFor(plain)).not.toContain("output_config");
});

describe("what the control plane is told of a request", () => {
  const told = async (simulator: Simulator, change: Partial<Ask> = {}) => {
    const control = createControl();
    await start(simulator, control).ask(change);
    return control.reserved[0];
  };
  test.each([
    ["a line", "ok"],
    ["nothing but line breaks", "\n".repeat(5000)],
    ["text of many bytes a character", "漢字🙂".repeat(400)],
    ["control characters and quotes", '\u0001"\\'.repeat(500)],
  ])("its bound holds whatever tokenizer counts it: %s", async (_what, text) => {
    await using simulator = await simulate([{ text: "done" }]);
    const call = await told(simulator, { request: saying(text) });
    const counted = await clientOf(simulator).countTokens({
      ...saying(text),
      model: "claude-sonnet-5",
      maxTokens: 1,
    });
    expect(call).toMatchObject({ role: "coder", turn: 1, maxOutput: 2000, counted: [] });
    expect(call?.inputBound).toBeGreaterThanOrEqual(counted);
    expect(call?.inputBound).toBeGreaterThanOrEqual(Buffer.byteLength(text));
  });

  test("siblings with the same tools and system prompt have the same prefix", async () => {
    await using simulator = await simulate([{ text: "done" }]);
    const prefix = async (change: Partial<ModelRequest>) =>
      (await told(simulator, { request: asked(change) }))?.prefix;
    const first = await prefix({});
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(await prefix({ messages: saying("another task").messages })).toBe(first);
    expect(await prefix({ tools: [] })).not.toBe(first);
    expect(await prefix({ system: [{ type: "text", text: "You review." }] })).not.toBe(first);
  });

  test("what its candidate billed before bounds it closer, for that candidate alone", async () => {
    await using simulator = await simulate([{ text: "first" }, { text: "done" }]);
    const first = request();
    const output = "x".repeat(900);
    const messages: ModelRequest["messages"] = [
      ...first.messages,
      { role: "assistant", content: [{ type: "text", text: "Reading." }] },
      { role: "user", content: [{ type: "text", text: output }] },
    ];
    const client = clientOf(simulator);
    const billed = { tokens: await client.countTokens(first), messages: first.messages.length };
    const [known, ...more] =
      (
        await told(simulator, {
          request: asked({ messages }),
          turn: 2,
          billed: { candidate: "anthropic/claude-sonnet-5", ...billed },
        })
      )?.counted ?? [];
    expect(more).toEqual([]);
    expect(known).toMatchObject({ candidate: "anthropic/claude-sonnet-5" });
    const tokens = known && "tokens" in known ? known.tokens : 0;
    expect(tokens).toBeGreaterThanOrEqual(await client.countTokens(request({ messages })));

    const doubtful = { candidate: "anthropic/claude-sonnet-5", messages: 1, tokens: 3 };
    const call = await told(simulator, {
      request: asked({ messages }),
      turn: 2,
      billed: doubtful,
    });
    expect(call?.counted, "a bill that leaves out what was cached").toEqual([]);
  });

  test("its tries share the name of their asking, and another asking has another", async () => {
    await using simulator = await simulate([{ error: { status: 529, times: 2 }, text: "done" }]);
    const { control, ask } = start(simulator);
    await ask();
    await ask();
    expect(control.reserved.map((call) => call.ask)).toEqual(["id1", "id1", "id1", "id2"]);
  });
});

test.each<CallGrant>([
  { kind: "refused", why: "budget", reason: "no room" },
  { kind: "context", reason: "too long" },
])("what does not fit by an earlier bill is asked again without it: $kind", async (grant) => {
  await using simulator = await simulate([{ text: "done" }]);
  const control = createControl(({ counted = [] }) => (counted.length > 0 ? grant : granted()));
  const billed = { candidate: "anthropic/claude-sonnet-5", messages: 1, tokens: 1000 };
  expect((await start(simulator, control).ask({ billed })).kind).toBe("reply");
  expect(control.reserved.map(({ counted }) => counted?.length)).toEqual([1, 0]);
});

describe("counting", () => {
  /** Has every candidate counted that is not known yet, then grants the last. */
  const counting = (candidates: (typeof SONNET)[]) =>
    createControl(({ counted = [] }) => {
      const next = candidates.find(
        ({ provider, model }) => !counted.some((one) => one.candidate === `${provider}/${model}`),
      );
      return next === undefined ? granted(candidates.at(-1)) : { kind: "count", candidate: next };
    });

  test("is asked of the candidate that it is for, and every count is kept", async () => {
    await using simulator = await simulate([{ text: "done" }]);
    const { control, ask } = start(simulator, counting([SONNET, OPUS]));
    expect((await ask()).kind).toBe("reply");
    const count = await clientOf(simulator).countTokens(request());
    // a count is an estimate: 5 % and 500 tokens more
    const tokens = Math.min(control.reserved[0]?.inputBound ?? 0, Math.ceil(count * 1.05) + 500);
    expect(control.reserved.at(-1)?.counted).toEqual([
      { candidate: "anthropic/claude-sonnet-5", tokens, count },
      { candidate: "anthropic/claude-opus-4-8", tokens, count },
    ]);
    expect(control.log).toEqual([
      ...["reserve count", "reserve count", "reserve granted"],
      ...["began c3", "settle c3 reply"],
    ]);
  });

  test("is told with a margin, which is never above what its bytes allow", async () => {
    await using simulator = await simulate([{ text: "done" }]);
    const told = async (text: string) => {
      const { control, ask } = start(simulator, counting([SONNET]));
      await ask({ request: saying(text) });
      const [known] = control.reserved.at(-1)?.counted ?? [];
      const prompt = { ...saying(text), model: "claude-sonnet-5", maxTokens: 1 };
      const count = await clientOf(simulator).countTokens(prompt);
      const tokens = known && "tokens" in known ? known.tokens : 0;
      return { count, tokens, inputBound: control.reserved[0]?.inputBound };
    };
    const long = await told("a word or two ".repeat(4_000));
    expect(long.tokens).toBe(Math.ceil(long.count * 1.05) + 500);
    const short = await told("ok");
    expect(short.tokens).toBe(short.inputBound);
  });

  test("a failure is told once, with what is known of it, and nothing was held for it", async () => {
    await using simulator = await simulate([{ text: "done" }]);
    const control = createControl((_, nth) =>
      nth === 1
        ? { kind: "count", candidate: { ...SONNET, model: "claude-9" } }
        : nth < 4
          ? { kind: "wait", ms: 1000, reason: "busy" }
          : granted(),
    );
    const { ask } = start(simulator, control);
    expect((await ask()).kind).toBe("reply");
    const [, second, third] = control.reserved;
    expect(second?.counted).toMatchObject([
      { candidate: "anthropic/claude-9", failed: { class: "gone", status: 404 } },
    ]);
    expect(third?.counted).toEqual([]);
    expect(control.settled).toHaveLength(1);
  });

  test("an endpoint that does not count is given the bytes for it", async () => {
    await using simulator = await simulate([{ text: "done" }], { provider: "openrouter" });
    const candidate = { ...SONNET, model: "anthropic/claude-sonnet-5" };
    const { control, ask } = start(simulator, counting([candidate]));
    expect((await ask()).kind).toBe("reply");
    const [known] = control.reserved.at(-1)?.counted ?? [];
    expect(known).toMatchObject({ tokens: control.reserved[0]?.inputBound });
  });

  test("asked for the same candidate for ever is a fault of the control plane", async () => {
    await using simulator = await simulate([{ text: "done" }]);
    const control = createControl(() => ({ kind: "count", candidate: SONNET }));
    await expect(start(simulator, control).ask()).rejects.toThrow("counted for anthropic/");
  });
});

describe("an ask that is not granted sends nothing", () => {
  test.each<[CallGrant, AskResult]>([
    [
      { kind: "deferred", until: "2026-11-21T13:00:00.000Z", reason: "later" },
      { kind: "unavailable", reason: "later", retryAt: "2026-11-21T13:00:00.000Z" },
    ],
    [
      { kind: "unavailable", reason: "no key" },
      { kind: "unavailable", reason: "no key" },
    ],
    [
      { kind: "context", reason: "too long" },
      { kind: "context", reason: "too long" },
    ],
    [
      { kind: "invalid", reason: "refused" },
      { kind: "invalid", reason: "refused" },
    ],
    [
      { kind: "stopped", reason: "paused" },
      { kind: "stopped", reason: "paused" },
    ],
    [
      { kind: "refused", why: "unpriced", reason: "no price" },
      { kind: "budget", reason: "no price" },
    ],
    [
      { kind: "refused", why: "budget", reason: "no room", level: "task", cap: 5 },
      { kind: "budget", reason: "no room", level: "task", cap: 5 },
    ],
  ])("%j is %j", async (grant, result) => {
    await using simulator = await simulate([{ text: "x" }]);
    const { ask } = start(
      simulator,
      createControl(() => grant),
    );
    expect(await ask()).toEqual(result);
    expect(pathsOf(simulator)).toEqual([]);
  });

  test("while it waits; each wait is slept out whole", async () => {
    await using simulator = await simulate([{ text: "x" }]);
    const waits = [90_000, 500];
    const control = createControl((_, nth) => {
      const ms = waits[nth - 1];
      return ms === undefined ? granted() : { kind: "wait", ms, reason: "busy" };
    });
    const { clock, ask } = start(simulator, control);
    expect((await ask()).kind).toBe("reply");
    expect(clock.slept).toEqual(waits);
  });

  test("a provider that this worker has no key for is settled as one without a valid key", async () => {
    await using simulator = await simulate([{ text: "x" }]);
    const control = createControl((_, nth) =>
      nth === 1 ? granted({ ...SONNET, provider: "elsewhere" }) : granted(),
    );
    const { ask } = start(simulator, control, async (provider) => {
      if (provider === "elsewhere") throw new UserError("no provider elsewhere", "Configure it.");
      return clientOf(simulator);
    });
    expect((await ask()).kind).toBe("reply");
    expect(control.settled[0]).toMatchObject({ failure: { class: "auth" }, billed: false });
  });
});
