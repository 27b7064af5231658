import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type FailureClass, ModelFailure, type ModelRequest } from "@headrace/domain";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createModelClient, type ModelClientOptions } from "./client.ts";

const NOW = new Date("2026-11-21T12:00:00Z");

const REQUEST: ModelRequest = {
  model: "claude-sonnet-5",
  maxTokens: 1000,
  system: [{ type: "text", text: "You write code." }],
  tools: [],
  messages: [{ role: "user", content: [{ type: "text", text: "Write the parser." }] }],
  userId: "hr1.r1.t1.coder.1.1",
};

type Heard = Pick<IncomingMessage, "headers" | "url"> & { body: string };

/** A provider that gives one answer to everything, and a client for it. */
const provider = async (
  answer: { status?: number; headers?: Record<string, string>; body: string },
  options: Partial<ModelClientOptions> = {},
) => {
  const heard: Heard[] = [];
  const server = createServer(async ({ headers, url }, response) => {
    let body = "";
    for await (const chunk of response.req) body += chunk;
    heard.push({ headers, url, body } as Heard);
    response.writeHead(answer.status ?? 200, { date: NOW.toUTCString(), ...answer.headers });
    response.end(answer.body);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const client = createModelClient({
    baseUrl: `http://127.0.0.1:${port}`,
    apiKey: "sk-1",
    timeouts: { idleMs: 5_000, totalMs: 20_000 },
    now: () => NOW,
    ...options,
  });
  return { client, heard };
};

const fixture = (name: string): Promise<string> =>
  readFile(new URL(`./fixtures/${name}`, import.meta.url), "utf8");

const STREAM = { "content-type": "text/event-stream" };

const failureOf = async (work: Promise<unknown>): Promise<ModelFailure> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ModelFailure) return error;
  throw error;
};

describe("a recorded stream is read into disjoint classes", () => {
  /** `prompt` and `output`: the provider's own totals, which the classes must add up to. */
  test.each([
    {
      file: "anthropic-cached.sse",
      usage: { input: 12, cacheWrite5m: 1536, cacheWrite1h: 512, cacheRead: 30_720, output: 87 },
      prompt: 32_780,
    },
    {
      file: "anthropic-repeated.sse",
      usage: { input: 2095, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 503 },
      prompt: 2095,
    },
    {
      file: "anthropic-refusal.sse",
      usage: { input: 318, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 6 },
      prompt: 318,
    },
    {
      file: "openrouter-messages.sse",
      usage: { input: 96, cacheWrite5m: 1200, cacheWrite1h: 0, cacheRead: 8000, output: 64 },
      prompt: 9296,
      cost: 8_148_000_000,
    },
    {
      file: "openrouter-chat-usage.sse",
      usage: { input: 26_738, cacheWrite5m: 64, cacheWrite1h: 0, cacheRead: 128, output: 6451 },
      prompt: 26_930,
      cost: 92_374_000_000,
    },
  ])("$file", async ({ file, usage, prompt, cost }) => {
    const { client } = await provider({ headers: STREAM, body: await fixture(file) });
    const answer = await client.complete(REQUEST);
    expect(answer.reply.usage).toEqual(usage);
    const { output, ...classes } = usage;
    expect(Object.values(classes).reduce((sum, n) => sum + n)).toBe(prompt);
    expect(answer.reportedCost).toBe(cost);
    expect(answer.reply).toMatchSnapshot();
  });

  test.each(["anthropic-cached.sse", "openrouter-messages.sse"])(
    "%s, cut after each of its events, is billed for at least what was seen",
    async (file) => {
      const events = (await fixture(file)).split(/(?<=\n\n)/);
      let least = 0;
      for (let n = 1; n < events.length; n++) {
        const body = events.slice(0, n).join("");
        const { client } = await provider({ headers: STREAM, body });
        const failure = await failureOf(client.complete(REQUEST));
        expect(failure).toMatchObject({ billed: true, facts: { class: "network" } });
        const seen = failure.seen?.usage;
        if (seen !== undefined) expect(failure.seen?.state).toBe("partial");
        const tokens = Object.values(seen ?? {}).reduce((sum, count) => sum + count, 0);
        expect(tokens).toBeGreaterThanOrEqual(least);
        least = tokens;
      }
      expect(least).toBeGreaterThan(9000);
    },
  );
});

const Recorded = z.array(
  z.object({
    provider: z.string(),
    status: z.number(),
    headers: z.record(z.string(), z.string()),
    body: z.unknown(),
    class: z.string(),
    until: z.string().nullable(),
  }),
);

test("every recorded error has its class, its time to ask again, and costs nothing", async () => {
  for (const error of Recorded.parse(JSON.parse(await fixture("errors.json")))) {
    const { status, body } = error;
    const headers = { "content-type": "application/json", ...error.headers };
    const { client, heard } = await provider({ status, headers, body: JSON.stringify(body) });
    const failure = await failureOf(client.complete(REQUEST));
    const what = `${error.provider} ${JSON.stringify(body)}`;
    expect(failure.facts.class, what).toBe(error.class as FailureClass);
    expect(failure.facts.until ?? null, what).toBe(error.until);
    expect(failure.facts.status, what).toBe(status);
    expect(failure.billed, what).toBe(false);
    expect(heard, what).toHaveLength(1);
  }
});

test.each(["<html><title>Just a moment...</title></html>", "", "Forbidden"])(
  "a 403 of %j is of whoever stands before the provider, and says nothing of the key",
  async (body) => {
    const { client } = await provider({ status: 403, body });
    expect((await failureOf(client.complete(REQUEST))).facts).toMatchObject({ class: "server" });
    expect((await failureOf(client.countTokens(REQUEST))).facts).toMatchObject({ class: "server" });
  },
);

test("an error in the stream of a 200 is billed only once a reply has begun", async () => {
  const start = (await fixture("anthropic-repeated.sse")).split(/(?<=\n\n)/)[0] ?? "";
  const error = { type: "overloaded_error", message: "Overloaded" };
  const event = `event: error\ndata: ${JSON.stringify({ type: "error", error })}\n\n`;
  for (const [body, billed] of [
    [event, false],
    [`event: ping\ndata: {"type":"ping"}\n\n${event}`, false],
    [start + event, true],
  ] as const) {
    const { client } = await provider({ headers: STREAM, body });
    const failure = await failureOf(client.complete(REQUEST));
    expect(failure).toMatchObject({ billed, facts: { class: "overload" } });
  }
});

describe("a request", () => {
  const answer = async (options: Partial<ModelClientOptions>, request = REQUEST) => {
    const body = await fixture("anthropic-repeated.sse");
    const { client, heard } = await provider({ headers: STREAM, body }, options);
    await client.complete(request);
    return heard[0];
  };

  test.each<[Partial<ModelClientOptions>, string | undefined, string | undefined]>([
    [{}, "sk-1", undefined],
    [{ auth: "x-api-key" }, "sk-1", undefined],
    [{ auth: "bearer" }, undefined, "Bearer sk-1"],
    [{ apiKey: undefined } as never, undefined, undefined],
    [{ apiKey: undefined, auth: "bearer" } as never, undefined, undefined],
  ])("with %j carries its key in one place, or none", async (options, key, bearer) => {
    const heard = await answer(options);
    expect(heard?.headers["x-api-key"]).toBe(key);
    expect(heard?.headers.authorization).toBe(bearer);
  });

  test("says how much effort is wanted only where that is known", async () => {
    expect(JSON.parse((await answer({}))?.body ?? "")).not.toHaveProperty("output_config");
    const heard = await answer({}, { ...REQUEST, effort: "low" });
    expect(JSON.parse(heard?.body ?? "")).toMatchObject({ output_config: { effort: "low" } });
  });

  test("tells of its first byte when the model has begun, not when a gateway says that it waits", async () => {
    const began: number[] = [];
    const { client } = await provider({
      headers: STREAM,
      body: ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n",
    });
    await failureOf(client.complete(REQUEST, { onFirstByte: () => began.push(1) }));
    expect(began).toEqual([]);
    const body = await fixture("openrouter-messages.sse");
    const whole = await provider({ headers: STREAM, body });
    await whole.client.complete(REQUEST, { onFirstByte: () => began.push(1) });
    expect(began).toEqual([1]);
  });
});

test("rate limits are reckoned from when the answer began, however long its stream takes", async () => {
  let now = NOW;
  const headers = {
    ...STREAM,
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:01Z",
  };
  const body = await fixture("anthropic-repeated.sse");
  const { client } = await provider({ headers, body }, { now: () => now });
  const onFirstByte = () => {
    now = new Date("2026-11-21T12:09:00Z");
  };
  const { rate } = await client.complete(REQUEST, { onFirstByte });
  expect(rate?.requests?.resetAt).toBe("2026-11-21T12:00:01.000Z");
});

test("a reply that came whole and cannot be used is billed as it says", async () => {
  const body = (await fixture("anthropic-repeated.sse")).replace(/"id":"msg_02"/, '"id":7');
  const { client } = await provider({ headers: STREAM, body });
  expect(await failureOf(client.complete(REQUEST))).toMatchObject({
    billed: true,
    facts: { class: "server", reason: expect.stringContaining("cannot be used") },
    seen: { state: "reported", usage: { input: 2095, output: 503 } },
  });
});

test("models of an endpoint that lists them all at once are listed", async () => {
  const data = [{ id: "anthropic/claude-sonnet-5", context_length: 1_000_000 }, { id: "x/y" }];
  const { client } = await provider({
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ data }),
  });
  expect(await client.listModels()).toEqual(["anthropic/claude-sonnet-5", "x/y"]);
});

test("without a key only an endpoint of one's own is asked", () => {
  expect(() => createModelClient({})).toThrow(/no API key/);
  expect(() => createModelClient({ apiKey: " ", baseUrl: "http://127.0.0.1:1" })).toThrow();
});
