import { formatUserId, type ModelRequest } from "@headrace/domain";
import { withCacheBreakpoints } from "@headrace/models";
import { describe, expect, test } from "vitest";
import { CODER, clientOf, failureOf, grown, reads, request, simulate } from "../support/models.ts";

describe("a script", () => {
  test("is played turn by turn, counted by the assistant's messages", async () => {
    await using simulator = await simulate([{ text: "one" }, { text: "two" }, { text: "three" }]);
    const client = clientOf(simulator);
    const texts = await Promise.all(
      [2, 0, 1].map(async (n) => (await client.complete(grown(n))).reply.content),
    );
    expect(texts).toEqual(["three", "one", "two"].map((text) => [{ type: "text", text }]));
  });

  test("refuses loudly what it does not hold: what was asked, and what is near", async () => {
    await using simulator = await simulate([{ text: "one" }]);
    const client = clientOf(simulator);
    const beyond = await failureOf(client.complete(grown(1, "exit code 1")));
    expect(beyond.facts.class).toBe("invalid");
    expect(beyond.message.replace(/req_\w+/, "req")).toMatchInlineSnapshot(`
      "the provider answered 400 invalid_request_error: the script has no reply for role coder, task t1, attempt 1, conversation 1, turn 2. Nearest entries:
        role coder, task t1, attempt 1, conversation 1 (turns: 1)
      The newest user message: exit code 1 (request req)"
    `);
    const userId = formatUserId({ ...CODER, subject: "t9", attempt: 2 });
    expect((await failureOf(client.complete(request({ userId })))).message).toContain(
      "no reply for role coder, task t9, attempt 2, conversation 1, turn 1",
    );
    expect(simulator.requests().map((seen) => seen.problem)).toEqual([
      expect.stringContaining("turn 2"),
      expect.stringContaining("task t9"),
    ]);
  });

  test("can demand that evidence reached the model", async () => {
    await using simulator = await simulate([
      { text: "one" },
      { contains: ["2 failed", "parser.test"], text: "I see." },
    ]);
    const client = clientOf(simulator);
    expect((await failureOf(client.complete(grown(1, "2 failed")))).message).toContain(
      'expects the newest user message to contain "parser.test", but it says: 2 failed',
    );
    expect(await client.complete(grown(1, "parser.test: 2 failed"))).toMatchObject({
      reply: { content: [{ text: "I see." }] },
    });
  });

  test("fails as often as it says before it answers, for each run apart", async () => {
    await using simulator = await simulate([
      { error: { status: 529, times: 2 }, cut: true, text: "at last" },
    ]);
    const client = clientOf(simulator);
    const play = async (run: string) => {
      const question = request({ userId: formatUserId({ ...CODER, run }) });
      const classes = [];
      for (let i = 0; i < 3; i++)
        classes.push((await failureOf(client.complete(question))).facts.class);
      expect((await client.complete(question)).reply.content).toEqual([
        { type: "text", text: "at last" },
      ]);
      return classes;
    };
    expect(await play("r1")).toEqual(["overload", "overload", "network"]);
    expect(await play("r2")).toEqual(["overload", "overload", "network"]);
  });
});

describe("what the real API refuses is refused", () => {
  const text = (value: string) => ({ type: "text", text: value });
  const use = { type: "tool_use", id: "t1", name: "read", input: {} };
  const result = { type: "tool_result", tool_use_id: "t1", content: "ok" };
  const user = (...content: Record<string, unknown>[]) => ({ role: "user" as const, content });
  const assistant = (...content: Record<string, unknown>[]) => ({
    role: "assistant" as const,
    content,
  });
  const mark = { cache_control: { type: "ephemeral" } };

  test.each<[string, Partial<ModelRequest>, RegExp]>([
    [
      "a call without its result",
      { messages: [user(text("a")), assistant(use), user(text("b"))] },
      /without `tool_result`/,
    ],
    [
      "a result after text",
      { messages: [user(text("a")), assistant(use), user(text("b"), result)] },
      /without `tool_result`/,
    ],
    [
      "a result nobody asked for",
      { messages: [user(text("a")), assistant(text("b")), user(result)] },
      /unexpected `tool_use_id`/,
    ],
    ["an empty text", { messages: [user(text(""))] }, /must be non-empty/],
    ["an empty message", { messages: [user()] }, /messages\.0\.content/],
    [
      "a conversation that ends with the assistant",
      { messages: [user(text("a")), assistant(text("b"))] },
      /prefill/,
    ],
    [
      "five breakpoints",
      { messages: [user(...Array.from({ length: 5 }, () => ({ ...text("a"), ...mark })))] },
      /maximum of 4/,
    ],
    ["two tools of one name", { tools: [{ name: "read" }, { name: "read" }] }, /must be unique/],
    ["no output", { maxTokens: 0 }, /max_tokens/],
    ["a user id of another form", { userId: "somebody" }, /metadata\.user_id: expected hr1/],
  ])("%s", async (_, change, message) => {
    await using simulator = await simulate([{ text: "x" }]);
    const failure = await failureOf(clientOf(simulator).complete(request(change)));
    expect(failure).toMatchObject({
      facts: { class: "invalid", status: 400 },
      message: expect.stringMatching(message),
    });
  });

  test("an unknown model is not found, and a wrong key is turned away", async () => {
    await using simulator = await simulate([{ text: "x" }]);
    const gone = await failureOf(clientOf(simulator).complete(request({ model: "claude-9" })));
    expect(gone).toMatchObject({ facts: { class: "gone", status: 404 } });
    const wrong = clientOf({ url: simulator.url, apiKey: "wrong" });
    expect(await failureOf(wrong.complete(request()))).toMatchObject({
      facts: { class: "auth", status: 401 },
    });
  });
});

test("without streaming the whole message comes at once, in the same shape and with the same usage", async () => {
  await using simulator = await simulate([{ text: "hello", calls: [{ read: { path: "a" } }] }]);
  const { model, maxTokens: max_tokens, messages, userId: user_id } = request();
  const response = await fetch(`${simulator.url}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": simulator.apiKey, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens, messages, metadata: { user_id } }),
  });
  expect(response.headers.get("request-id")).toBe("req_sim000000001");
  expect(await response.json()).toMatchInlineSnapshot(`
    {
      "content": [
        {
          "text": "hello",
          "type": "text",
        },
        {
          "id": "toolu_1c43c97ae555db022731d711",
          "input": {
            "path": "a",
          },
          "name": "read",
          "type": "tool_use",
        },
      ],
      "id": "msg_e33033c36493bdd887570c95",
      "model": "claude-sonnet-5",
      "role": "assistant",
      "stop_reason": "tool_use",
      "stop_sequence": null,
      "type": "message",
      "usage": {
        "cache_creation": {
          "ephemeral_1h_input_tokens": 0,
          "ephemeral_5m_input_tokens": 0,
        },
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "input_tokens": 13,
        "output_tokens": 32,
        "service_tier": "standard",
      },
    }
  `);
});

test("models are listed in pages", async () => {
  await using simulator = await simulate([{ text: "x" }]);
  const page = async (query: string) => {
    const headers = { "x-api-key": simulator.apiKey };
    const response = await fetch(`${simulator.url}/v1/models?${query}`, { headers });
    const body = (await response.json()) as { data: { id: string }[]; has_more: boolean };
    return { ...body, data: body.data.map((model) => model.id) };
  };
  const first = await page("limit=3");
  expect(first).toMatchObject({ has_more: true, first_id: first.data[0], last_id: first.data[2] });
  const second = await page(`limit=100&after_id=${first.data[2]}`);
  expect(second.has_more).toBe(false);
  expect([...first.data, ...second.data]).toEqual(await clientOf(simulator).listModels());
});

describe("tokens and the prompt cache", () => {
  const filler = (n: number) => "All work and no play makes a dull factory. ".repeat(n);
  const grow = (turns: number): ModelRequest =>
    withCacheBreakpoints(
      request({
        system: [{ type: "text", text: filler(200) }],
        messages: [
          { role: "user", content: [{ type: "text", text: filler(100) }] },
          ...reads(turns, filler(40)),
        ],
      }),
    );

  test("each turn reads what the turns before it wrote, and the classes add up to the count", async () => {
    const turns = Array.from({ length: 5 }, (_, i) => ({ calls: [{ read: { path: `${i}` } }] }));
    await using simulator = await simulate(turns);
    const client = clientOf(simulator);
    let cached = 0;
    for (let i = 0; i < turns.length; i++) {
      const { usage } = (await client.complete(grow(i))).reply;
      expect(usage.cacheRead).toBe(cached);
      expect(usage.cacheWrite5m).toBeGreaterThan(0);
      expect(usage.input + usage.cacheWrite5m + usage.cacheRead).toBe(
        await client.countTokens(grow(i)),
      );
      cached = usage.cacheRead + usage.cacheWrite5m;
    }
  });

  test("another model, or one changed byte at the front, reads nothing", async () => {
    await using simulator = await simulate([{ text: "ok" }]);
    const client = clientOf(simulator);
    const prompt = grow(0);
    expect((await client.complete(prompt)).reply.usage.cacheRead).toBe(0);
    expect(
      (await client.complete({ ...prompt, model: "claude-opus-4-8" })).reply.usage.cacheRead,
    ).toBe(0);
    const tools = [{ ...prompt.tools[0], description: "Reads" }];
    expect((await client.complete({ ...prompt, tools })).reply.usage.cacheRead).toBe(0);
    expect((await client.complete(prompt)).reply.usage.cacheRead).toBeGreaterThan(0);
  });

  test("a prompt below the least size is not cached", async () => {
    await using simulator = await simulate([{ text: "ok" }]);
    const client = clientOf(simulator);
    await client.complete(withCacheBreakpoints(request()));
    const { usage } = (await client.complete(withCacheBreakpoints(request()))).reply;
    expect(usage).toMatchObject({ cacheRead: 0, cacheWrite5m: 0 });
  });
});
