import { createModelClient } from "@headrace/models";
import type { Simulator } from "@headrace/simulator";
import { describe, expect, test } from "vitest";
import { clientOf, failureOf, request, simulate, TIMEOUTS } from "../support/models.ts";

/** The types of the events of one streamed reply, as far as they come. */
const eventsOf = async ({ url, apiKey }: Simulator): Promise<string[]> => {
  const { model, maxTokens: max_tokens, messages, userId: user_id } = request();
  const response = await fetch(`${url}/v1/messages`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens, messages, stream: true, metadata: { user_id } }),
  });
  let text = "";
  try {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? [])
      text += chunk;
  } catch {
    // the connection broke, as it was to
  }
  return [...text.matchAll(/^event: (\w+)$/gm)].map(([, type = ""]) => type);
};

const WHOLE = [
  ...["message_start", "ping", "content_block_start", "content_block_delta"],
  ...["content_block_stop", "message_delta", "message_stop"],
];

describe("a stream", () => {
  test.each([0, 1, 2, 3, 4, 5, 6, -1, -2, -6])("can break after %d events", async (cut) => {
    await using simulator = await simulate([{ text: "x", cut }]);
    expect(await eventsOf(simulator)).toEqual(WHOLE.slice(0, cut));
    expect(await eventsOf(simulator)).toEqual(WHOLE);
    expect(simulator.requests().map(({ outcome }) => outcome)).toEqual(["cut", "reply"]);
  });

  test("can break after it has said what it used, and the client still knows that as the least", async () => {
    await using simulator = await simulate([{ text: "x".repeat(400), cut: -1 }]);
    const failure = await failureOf(clientOf(simulator).complete(request()));
    const { usage } = (await clientOf(simulator).complete(request())).reply;
    expect(failure).toMatchObject({ billed: true, seen: { state: "partial", usage } });
  });

  test("can fall silent until the client leaves", async () => {
    await using simulator = await simulate([{ text: "x", stall: -2 }]);
    const client = clientOf(simulator, { idleMs: 100, totalMs: 20_000 });
    expect((await failureOf(client.complete(request()))).message).toContain("silent for 100 ms");
    await expect.poll(() => simulator.requests()[0]?.outcome).toBe("gone");
    expect((await client.complete(request())).reply.stopReason).toBe("end_turn");
  });

  test("can begin late, and nothing of it comes before", async () => {
    await using simulator = await simulate([{ text: "x", firstByteMs: 10_000 }]);
    const client = clientOf(simulator, { idleMs: 300, totalMs: 20_000 });
    let began = false;
    const onFirstByte = () => {
      began = true;
    };
    const failure = await failureOf(client.complete(request(), { onFirstByte }));
    expect(failure).toMatchObject({ billed: true, message: expect.stringContaining("silent") });
    expect(began).toBe(false);
  });
});

describe("rate limits", () => {
  /** By a clock that stands still until it is moved. */
  const limited = async (limits: Record<string, number>) => {
    let now = Date.parse("2026-11-21T12:00:00Z");
    const simulator = await simulate([{ text: "x" }], { limits, now: () => new Date(now) });
    return { simulator, client: clientOf(simulator), pass: (ms: number) => (now += ms) };
  };

  test("are enforced, and a wait as long as was asked for is long enough", async () => {
    const { simulator, client, pass } = await limited({ requests: 2 });
    await using _ = simulator;
    const rates = [await client.complete(request()), await client.complete(request())];
    expect(rates.map(({ rate }) => rate?.requests?.remaining)).toEqual([1, 0]);
    const failure = await failureOf(client.complete(request()));
    expect(failure.facts).toMatchObject({
      class: "rate",
      status: 429,
      rate: { requests: { limit: 2, remaining: 0 } },
    });
    pass(30_000);
    expect((await client.complete(request())).reply.stopReason).toBe("end_turn");
    expect(simulator.completed().count).toBe(3);
  });

  test("count output by what is asked for, and give back what was not needed", async () => {
    const { simulator, client } = await limited({ outputTokens: 1500 });
    await using _ = simulator;
    const { rate } = await client.complete(request());
    expect(rate?.outputTokens?.remaining).toBe(500);
    expect((await client.complete(request())).rate?.outputTokens?.remaining).toBeGreaterThan(450);
  });
});

describe("as OpenRouter", () => {
  test("it tells usage and cost at the end, takes its own ids, and does not count", async () => {
    await using simulator = await simulate([{ text: "x" }], { provider: "openrouter" });
    const { url: baseUrl, apiKey } = simulator;
    const client = createModelClient({ baseUrl, apiKey, auth: "bearer", timeouts: TIMEOUTS });
    const asked = request({ model: "anthropic/claude-opus-4.8" });
    const { reply, reportedCost, rate } = await client.complete(asked);
    expect(reply).toMatchObject({ model: "anthropic/claude-opus-4.8" });
    expect(reply.usage.input).toBeGreaterThan(0);
    expect(reportedCost).toBeGreaterThan(0);
    expect(rate).toBeUndefined();
    expect(await client.countTokens(asked)).toBeGreaterThan(reply.usage.input);
  });

  test("its errors have its own shape", async () => {
    await using simulator = await simulate([{ error: { status: 402, message: "no credits" } }], {
      provider: "openrouter",
    });
    const failure = await failureOf(clientOf(simulator).complete(request()));
    expect(failure.facts).toMatchObject({ class: "credit", status: 402 });
    expect(failure.message).toMatch(/the provider answered 402: no credits/);
  });
});

test("a script may have conditions of its own, and who starts it may set others", async () => {
  const turns = [{ text: "x" }];
  await using calm = await simulate(turns);
  expect((await clientOf(calm).complete(request())).rate).toBeUndefined();
  await using stormy = await simulate(turns, { storm: { seed: 1, share: 1, kinds: ["overload"] } });
  const failure = await failureOf(clientOf(stormy).complete(request()));
  expect(failure.facts).toMatchObject({ class: "overload", status: 529 });
});

test.each([
  { stop: "refusal" },
  { stop: "model_context_window_exceeded" },
  { usage: "none" },
  { usage: { say: { output_tokens: -1 } } },
])("a reply of no use is not counted among those that are: %j", async (turn) => {
  await using simulator = await simulate([{ text: "x", ...turn }]);
  await eventsOf(simulator);
  expect(simulator.requests().map(({ outcome }) => outcome)).toEqual(["unusable"]);
  expect(simulator.completed()).toEqual({ count: 0, repeated: [] });
});

test("replies that went out whole are counted, and those that had gone out before are named", async () => {
  await using simulator = await simulate([{ text: "x", cut: 3 }]);
  const client = clientOf(simulator);
  await failureOf(client.complete(request()));
  await client.complete(request());
  expect(simulator.completed()).toEqual({ count: 1, repeated: [] });
  await client.complete(request());
  expect(simulator.completed()).toEqual({ count: 2, repeated: ["hr1.r1.t1.coder.1.1 turn 1"] });
});
