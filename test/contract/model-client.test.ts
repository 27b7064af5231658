import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { FailureClass } from "@headrace/domain";
import { createModelClient } from "@headrace/models";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { clientOf, failureOf, request, simulate, TIMEOUTS } from "../support/models.ts";

test("a streamed reply arrives whole: text, calls with their input, stop reason and usage", async () => {
  const source = `${"const π = 3.14159; // 🌊\n".repeat(500)}\\"end"`;
  await using simulator = await simulate([
    {
      text: "Reading first.",
      calls: [{ write: { path: "a.ts", content: source } }, { read: null }],
    },
  ]);
  const question = request();
  const { reply } = await clientOf(simulator).complete(question);
  expect(reply).toMatchObject({
    model: "claude-sonnet-5",
    stopReason: "tool_use",
    content: [
      { type: "text", text: "Reading first." },
      { type: "tool_use", name: "write", input: { path: "a.ts", content: source } },
      { type: "tool_use", name: "read", input: {} },
    ],
  });
  expect(reply.usage.input).toBe(await clientOf(simulator).countTokens(question));
  expect(reply.usage.output).toBe(Math.ceil(Buffer.byteLength(JSON.stringify(reply.content)) / 4));
  expect(simulator.requests()[0]).toMatchObject({
    path: "/v1/messages",
    user: "hr1.r1.t1.coder.1.1",
    turn: 1,
    status: 200,
    outcome: "reply",
  });
});

test("the same question gets the same reply, ids included", async () => {
  await using simulator = await simulate([{ calls: [{ read: { path: "a" } }] }]);
  const client = clientOf(simulator);
  const first = await client.complete(request());
  const second = await client.complete(request());
  expect(second).toEqual(first);
});

test("key and address come from the options alone, whatever the environment holds", async () => {
  vi.stubEnv("ANTHROPIC_API_KEY", "from-the-environment");
  vi.stubEnv("ANTHROPIC_AUTH_TOKEN", "from-the-environment");
  vi.stubEnv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  await using simulator = await simulate([{ text: "ok" }]);
  expect((await clientOf(simulator).complete(request())).reply.stopReason).toBe("end_turn");
});

describe("every class of failure is recognised, with no retry by the SDK", () => {
  test.each<[{ status: number; message?: string }, FailureClass]>([
    [{ status: 400, message: "tools.0: bad schema" }, "invalid"],
    [{ status: 400, message: "prompt is too long: 9 > 8" }, "context"],
    [{ status: 413 }, "context"],
    [{ status: 401 }, "auth"],
    [{ status: 403 }, "auth"],
    [{ status: 402 }, "credit"],
    [{ status: 400, message: "Your credit balance is too low" }, "credit"],
    [{ status: 400, message: "specified API usage limits. You will regain access" }, "credit"],
    [{ status: 403, message: "Your input was flagged" }, "refusal"],
    [{ status: 404, message: "model: claude-sonnet-5" }, "gone"],
    [{ status: 429 }, "rate"],
    [{ status: 529 }, "overload"],
    [{ status: 503 }, "overload"],
    [{ status: 408 }, "server"],
    [{ status: 409 }, "server"],
    [{ status: 500 }, "server"],
    [{ status: 502 }, "server"],
    [{ status: 504 }, "server"],
    [{ status: 524 }, "server"],
  ])("%j is %s", async (error, expected) => {
    await using simulator = await simulate([{ error }]);
    const failure = await failureOf(clientOf(simulator).complete(request()));
    expect(failure).toMatchObject({
      facts: { class: expected, status: error.status },
      billed: false,
    });
    expect(failure.message).toContain(error.message ?? "scripted error");
    expect(failure.message).toContain("req_sim");
    expect(simulator.requests()).toHaveLength(1);
  });

  test("Retry-After reaches the caller whole", async () => {
    await using simulator = await simulate([{ error: { status: 429, retryAfter: 3600 } }]);
    const now = new Date("2026-11-21T12:00:00Z");
    const { url: baseUrl, apiKey } = simulator;
    const client = createModelClient({ baseUrl, apiKey, timeouts: TIMEOUTS, now: () => now });
    const failure = await failureOf(client.complete(request()));
    expect(failure.facts.until).toBe("2026-11-21T13:00:00.000Z");
  });

  test("a stream cut midway is a network failure that may be billed; asked again it is whole", async () => {
    await using simulator = await simulate([{ text: "x".repeat(50_000), cut: true }]);
    const client = clientOf(simulator);
    const failure = await failureOf(client.complete(request()));
    expect(failure).toMatchObject({ facts: { class: "network" }, billed: true });
    expect((await client.complete(request())).reply.stopReason).toBe("end_turn");
    expect(simulator.requests().map((seen) => seen.outcome)).toEqual(["cut", "reply"]);
  });

  test.each<[number, FailureClass]>([
    [529, "overload"],
    [500, "server"],
    [429, "rate"],
  ])(
    "%d in the stream, after bytes of the reply, is %s and may be billed",
    async (status, expected) => {
      await using simulator = await simulate([{ text: "late", error: { status, after: 3 } }]);
      const client = clientOf(simulator);
      expect(await failureOf(client.complete(request()))).toMatchObject({
        facts: { class: expected },
        billed: true,
        seen: { state: "partial", usage: { output: 1 } },
      });
      expect((await client.complete(request())).reply.stopReason).toBe("end_turn");
    },
  );

  test("an end of the spend limit is kept to the day", async () => {
    const day = new Date(Date.now() + 20 * 86_400_000).toISOString().slice(0, 10);
    const message = `You will regain access on ${day} at 00:00 UTC. These are your usage limits.`;
    await using simulator = await simulate([{ error: { status: 400, message } }]);
    const failure = await failureOf(clientOf(simulator).complete(request()));
    expect(failure.facts).toMatchObject({ class: "credit", until: `${day}T00:00:00.000Z` });
  });

  test("a stream that falls silent is given up at the idle bound", async () => {
    await using simulator = await simulate([{ text: "late", stall: true }]);
    const failure = await failureOf(
      clientOf(simulator, { idleMs: 100, totalMs: 20_000 }).complete(request()),
    );
    expect(failure).toMatchObject({ facts: { class: "network" }, billed: true });
    expect(failure.message).toContain("silent for 100 ms");
  });

  test("a stream that takes too long is given up at the total bound", async () => {
    await using simulator = await simulate([{ text: "late", delayMs: 5_000 }]);
    const failure = await failureOf(
      clientOf(simulator, { idleMs: 10_000, totalMs: 150 }).complete(request()),
    );
    expect(failure.message).toContain("no complete reply within 150 ms");
  });

  test("the caller's signal ends the call, and the simulator sees the client go", async () => {
    await using simulator = await simulate([{ text: "late", delayMs: 5_000 }]);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 100);
    const failure = await failureOf(
      clientOf(simulator).complete(request(), { signal: stop.signal }),
    );
    expect(failure).toMatchObject({ facts: { class: "network", stopped: true }, billed: true });
    await expect.poll(() => simulator.requests()[0]?.outcome).toBe("gone");
  });

  test("nobody listening is a network failure that cost nothing", async () => {
    await using simulator = await simulate([{ text: "x" }]);
    const client = clientOf(simulator);
    await simulator.close();
    const failure = await failureOf(client.complete(request()));
    expect(failure).toMatchObject({ facts: { class: "network" }, billed: false });
    expect(failure.message).toMatch(/ECONNREFUSED/);
  });
});

describe("an endpoint that does not keep to the protocol", () => {
  const answering = async (status: number, type: string, text: string) => {
    const server = createServer((_, response) => {
      response.writeHead(status, { "content-type": type }).end(text);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    return {
      client: createModelClient({
        baseUrl: `http://127.0.0.1:${port}`,
        apiKey: "k",
        timeouts: TIMEOUTS,
      }),
      [Symbol.dispose]: () => {
        server.close();
        server.closeAllConnections();
      },
    };
  };
  const event = (data: { type: string; [field: string]: unknown }) =>
    `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
  const message = { id: "m", type: "message", role: "assistant", model: "x", content: [] };

  test.each([
    ["no usage at the start", [{ type: "message_start", message }], { output_tokens: 1 }],
    [
      "an empty usage",
      [{ type: "message_start", message: { ...message, usage: {} } }],
      { output_tokens: 1 },
    ],
    [
      "no usage at the end",
      [
        {
          type: "message_start",
          message: { ...message, usage: { input_tokens: 1, output_tokens: 1 } },
        },
      ],
      undefined,
    ],
  ])(
    "a reply with %s is a failure that may be billed, not a free reply",
    async (_, head, usage) => {
      const tail = [
        { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage },
        { type: "message_stop" },
      ];
      using endpoint = await answering(
        200,
        "text/event-stream",
        [...head, ...tail].map(event).join(""),
      );
      const failure = await failureOf(endpoint.client.complete(request()));
      expect(failure).toMatchObject({ facts: { class: "server" }, billed: true });
    },
  );

  test.each([
    [
      "text/event-stream",
      event({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }),
      "overload",
      false,
    ],
    ["text/event-stream", "event: message_start\ndata: {broken\n\n", "server", true],
    ["text/event-stream", "", "network", true],
    ["text/html", "<h1>Sign in to the hotel network</h1>", "network", true],
  ])("%s %j", async (type, text, expected, billed) => {
    using endpoint = await answering(200, type, text);
    const failure = await failureOf(endpoint.client.complete(request()));
    expect(failure).toMatchObject({ facts: { class: expected }, billed });
  });

  test("thinking is kept as it came, and an empty text, which could not be sent back, is dropped", async () => {
    const start = (index: number, content_block: object) => ({
      type: "content_block_start",
      index,
      content_block,
    });
    const stop = (index: number) => ({ type: "content_block_stop", index });
    const usage = { input_tokens: 1, output_tokens: 1 };
    const thinking = { type: "thinking", thinking: "hm", signature: "s==" };
    const events = [
      { type: "message_start", message: { ...message, usage } },
      start(0, thinking),
      stop(0),
      start(1, { type: "text", text: "" }),
      stop(1),
      { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage },
      { type: "message_stop" },
    ];
    using endpoint = await answering(200, "text/event-stream", events.map(event).join(""));
    expect((await endpoint.client.complete(request())).reply.content).toEqual([thinking]);
  });

  test("a gateway that does not count tokens gets the prompt's bytes as the bound", async () => {
    using endpoint = await answering(404, "application/json", '{"error":{"message":"Not Found"}}');
    const { model, system, tools, messages } = request();
    const bytes = Buffer.byteLength(JSON.stringify({ model, messages, system, tools }));
    expect(await endpoint.client.countTokens(request())).toBe(bytes);
  });

  test.each([
    ["without a token count", "{}"],
    ["with more tokens than any model takes", '{"input_tokens":4294967295}'],
  ])("an answer %s is a failure", async (_, body) => {
    using endpoint = await answering(200, "application/json", body);
    expect(await failureOf(endpoint.client.countTokens(request()))).toMatchObject({
      facts: { class: "server" },
    });
  });
});
