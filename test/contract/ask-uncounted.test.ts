import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type AskResult, fromUsd } from "@headrace/domain";
import { askModel, createModelClient } from "@headrace/models";
import { describe, expect, test } from "vitest";
import { controlRig } from "../support/control-rig.ts";
import { request, TIMEOUTS } from "../support/models.ts";

type Answer = (response: ServerResponse) => unknown;

const told =
  (status: number, body: unknown): Answer =>
  (response) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));

const apiError = (status: number, type: string, message = "no"): Answer =>
  told(status, { type: "error", error: { type, message } });

const REPLY = [
  {
    type: "message_start",
    message: {
      ...{ id: "m", type: "message", role: "assistant", model: "claude-sonnet-5", content: [] },
      usage: { input_tokens: 60_000, output_tokens: 1 },
    },
  },
  {
    type: "message_delta",
    delta: { stop_reason: "end_turn", stop_sequence: null },
    usage: { output_tokens: 1 },
  },
  { type: "message_stop" },
]
  .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  .join("");

/** A provider that takes messages, and answers counts in its own way. */
const gateway = async (count: Answer) => {
  const asked: string[] = [];
  const server = createServer(async (message, response) => {
    message.resume();
    const { pathname } = new URL(message.url ?? "/", "http://gateway");
    asked.push(pathname.replace("/v1/", ""));
    if (pathname.endsWith("count_tokens")) count(response);
    else response.writeHead(200, { "content-type": "text/event-stream" }).end(REPLY);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const baseUrl = `http://127.0.0.1:${port}`;
  return {
    asked,
    client: createModelClient({ baseUrl, apiKey: "k", timeouts: TIMEOUTS }),
    [Symbol.dispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
};

/** Bytes that are more than the model's window of 200,000 tokens, and some 75,000 tokens. */
const LONG = "a word or two ".repeat(16_000);

/** A coder of a run with so many dollars, who asks the real control plane and such a gateway. */
const coderAt = async (count: Answer, usd = 100) => {
  const closing = new AsyncDisposableStack();
  const { asked, client } = closing.use(await gateway(count));
  const rig = closing.use(await controlRig());
  const { submission, pack } = await rig.submission();
  const { commands, api } = rig.control;
  const { run } = await commands.submit({ ...submission, budget: fromUsd(usd) }, pack);
  const step = `${run}-code`;
  const input = { kind: "agent", role: "coder", commit: submission.base, attempt: 1 } as const;
  const thread = { kind: "plan" as const, id: "plan" };
  await rig.store.append(run, [
    {
      ...{ type: "step.requested", step, thread, subject: "plan" },
      input: { ...input, conversation: 1, brief: {} },
    },
  ]);
  const reply = await api.claim(run, step, "w1");
  if (reply.kind !== "claimed") throw new Error(JSON.stringify(reply));
  const { fence } = reply.claim;
  const deps = { clients: async () => client, api, clock: rig.clock };
  let turn = 0;
  return {
    asked,
    ask(text: string): Promise<AskResult> {
      turn += 1;
      const content = [{ type: "text" as const, text }];
      const {
        model: _,
        maxTokens: __,
        ...prompt
      } = request({
        messages: [{ role: "user", content }],
      });
      return askModel(deps, { fence, role: "coder", request: prompt, maxOutput: 16_000, turn });
    },
    tries: async () => (await rig.store.exhaust(run)).tries.map(({ outcome }) => outcome),
    failures: async () =>
      (await rig.store.events(run)).filter(({ type }) => type === "model.failed").length,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
};

const CANNOT: [string, Answer][] = [
  ["calls it invalid", apiError(400, "invalid_request_error", "count_tokens is not supported")],
  ["does not know the method", told(405, {})],
  ["cannot process it", told(422, { error: { message: "not supported" } })],
  ["fails", apiError(500, "api_error")],
  ["has not implemented it", told(501, {})],
  ["is overloaded", apiError(529, "overloaded_error")],
  ["flags it", told(403, { error: { code: 403, message: "Your input was flagged" } })],
  ["hangs up", (response) => response.destroy()],
];

describe("where a provider takes messages and, asked for a count,", () => {
  test.each(CANNOT)("%s, the prompt is sent, and the count was no try", async (_, count) => {
    await using coder = await coderAt(count);
    expect(await coder.ask(LONG)).toMatchObject({ kind: "reply" });
    expect(coder.asked).toEqual(["messages/count_tokens", "messages"]);
    expect(await coder.tries()).toEqual(["ok"]);
    expect(await coder.failures()).toBe(0);
  });

  test("fails time and again, its circuit stays closed", async () => {
    await using coder = await coderAt(apiError(500, "api_error"));
    for (let n = 1; n <= 6; n++) expect((await coder.ask(LONG)).kind).toBe("reply");
    expect((await coder.ask("short")).kind).toBe("reply");
    expect(await coder.tries()).toEqual(Array(7).fill("ok"));
  });

  test("cannot, a budget that the bytes pass refuses the prompt", async () => {
    await using coder = await coderAt(apiError(400, "invalid_request_error"), 0.5);
    expect((await coder.ask(LONG)).kind).toBe("budget");
    expect(coder.asked).toEqual(["messages/count_tokens"]);
  });

  test.each<[string, Answer, AskResult["kind"]]>([
    ["refuses the key", apiError(401, "authentication_error"), "unavailable"],
    ["is out of credit", apiError(402, "billing_error"), "unavailable"],
    ["does not know the model", apiError(404, "not_found_error", "claude-sonnet-5"), "unavailable"],
  ])("%s, nothing is sent", async (_, count, end) => {
    await using coder = await coderAt(count);
    expect((await coder.ask(LONG)).kind).toBe(end);
    expect(coder.asked).toEqual(["messages/count_tokens"]);
    expect(await coder.failures()).toBe(1);
  });
});
