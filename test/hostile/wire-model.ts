import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ModelClient } from "@headrace/domain";
import { createModelClient } from "@headrace/models";
import { TIMEOUTS } from "../support/models.ts";

export type Block = { type: string; [field: string]: unknown };
type Event = { type: string; [field: string]: unknown };

/** A model behind the Messages API that streams what it is given, byte for byte as JSON has it. */
export type WireModel = AsyncDisposable & {
  client: ModelClient;
  /** the bodies of all requests, as they came */
  bodies: readonly string[];
  /** the same with their headers */
  heard: readonly string[];
};

/** What a call of a case costs, where that is not what it is about. */
export const USAGE = { input_tokens: 10, output_tokens: 10 };

const eventsOf = (block: Block, index: number): Event[] => {
  const isCall = block.type === "tool_use";
  return [
    {
      type: "content_block_start",
      index,
      content_block: isCall ? { ...block, input: {} } : block,
    },
    ...(isCall
      ? [
          {
            type: "content_block_delta",
            index,
            delta: { type: "input_json_delta", partial_json: JSON.stringify(block.input) },
          },
        ]
      : []),
    { type: "content_block_stop", index },
  ];
};

/** How a reply streams; JSON has no NaN, so a usage may be anything. */
export const streamOf = (
  content: readonly Block[],
  usage: { input_tokens: unknown; output_tokens: unknown },
): string => {
  const message = {
    ...{ id: "m", type: "message", role: "assistant", model: "x" },
    ...{ content: [], stop_reason: null, usage: { ...usage, output_tokens: 0 } },
  };
  const stop_reason = content.some(({ type }) => type === "tool_use") ? "tool_use" : "end_turn";
  const { output_tokens } = usage;
  const events: Event[] = [
    { type: "message_start", message },
    ...content.flatMap(eventsOf),
    { type: "message_delta", delta: { stop_reason }, usage: { output_tokens } },
    { type: "message_stop" },
  ];
  return events.map((one) => `event: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`).join("");
};

/** Answers request n with stream n, and the last of them for ever. */
export const openWireModel = async (streams: readonly string[]): Promise<WireModel> => {
  const bodies: string[] = [];
  const heard: string[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("latin1")) body += chunk;
    bodies.push(body);
    heard.push(`${request.rawHeaders.join("\n")}\n${body}`);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(streams[Math.min(bodies.length, streams.length) - 1]);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    client: createModelClient({
      baseUrl: `http://127.0.0.1:${port}`,
      apiKey: "k",
      timeouts: TIMEOUTS,
    }),
    bodies,
    heard,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
