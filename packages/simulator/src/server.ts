import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { UserError } from "@headrace/domain";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { ApiError } from "./api-error.ts";
import type { Call, SeenRequest } from "./call.ts";
import { modelPage } from "./catalogue.ts";
import { answerCount, answerMessages } from "./messages.ts";
import { PromptCache } from "./prompt-cache.ts";
import { createRelayPlayer } from "./relay-player.ts";
import type { Player } from "./reply.ts";
import { readScript } from "./script-file.ts";
import { createScriptPlayer } from "./script-player.ts";

export type SimulatorMode =
  | { kind: "script"; file: string }
  /** `waitMs` bounds the wait for one reply file, an hour unless given */
  | { kind: "relay"; dir: string; waitMs?: number };

export type Simulator = AsyncDisposable & {
  url: string;
  apiKey: string;
  /** every request so far, in order of arrival */
  requests(): readonly SeenRequest[];
  close(): Promise<void>;
};

export type SimulatorOptions = {
  mode: SimulatorMode;
  host?: string;
  /** 0 takes a free one */
  port?: number;
  /** a random one unless given */
  apiKey?: string;
};

/** As the real API: 32 MB. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

type Env = { Bindings: HttpBindings; Variables: { call: Call } };

const answerError = (error: Error, c: Context<Env>): Response => {
  const { requestId, seen, signal, outgoing } = c.var.call;
  const answer =
    error instanceof ApiError ? error : new ApiError(500, `simulator failed: ${error.message}`);
  seen.outcome = signal.aborted ? "gone" : "error";
  seen.problem = answer.message;
  if (outgoing.headersSent) return RESPONSE_ALREADY_SENT;
  const retry = answer.retryAfter;
  return Response.json(answer.body(requestId), {
    status: answer.status,
    headers: retry === undefined ? {} : { "retry-after": String(retry) },
  });
};

/** The SDK sends its key as a bearer token, older ones as `x-api-key`. */
const keyOf = (c: Context<Env>): string | undefined =>
  c.req.header("x-api-key") ?? c.req.header("authorization")?.replace(/^Bearer /i, "");

const createApp = (facts: {
  player: Player;
  apiKey: string;
  log: SeenRequest[];
  closing: AbortSignal;
}): Hono<Env> => {
  const { player, apiKey, log, closing } = facts;
  const cache = new PromptCache();
  const app = new Hono<Env>();
  app.use(async (c, next) => {
    const seen: SeenRequest = { path: c.req.path, status: 0, outcome: "pending" };
    log.push(seen);
    const requestId = `req_sim${String(log.length).padStart(9, "0")}`;
    const left = new AbortController();
    const { outgoing } = c.env;
    outgoing.once("close", () => left.abort());
    const signal = AbortSignal.any([left.signal, closing]);
    c.set("call", { requestId, seen, outgoing, signal });
    await next();
    seen.status = c.res.status;
    if (seen.outcome === "pending") seen.outcome = "reply";
    if (!outgoing.headersSent) c.header("request-id", requestId);
  });
  app.use(async (c, next) => {
    const key = keyOf(c);
    if (key === undefined) throw new ApiError(401, "x-api-key header is required");
    if (key !== apiKey) throw new ApiError(401, "invalid x-api-key");
    await next();
  });
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new ApiError(413, "Request exceeds the maximum size");
      },
    }),
  );
  app.post("/v1/messages", async (c) =>
    answerMessages(c.var.call, await c.req.text(), { player, cache }),
  );
  app.post("/v1/messages/count_tokens", async (c) => answerCount(await c.req.text()));
  app.get("/v1/models", (c) => Response.json(modelPage(c.req.query())));
  app.notFound(() => {
    throw new ApiError(404, "Not found");
  });
  app.onError(answerError);
  return app;
};

const listen = async (server: Server, host: string, port: number): Promise<string> => {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    throw new UserError(
      `the simulator cannot listen on ${host}:${port}: ${(error as Error).message}`,
      "Give another address, or port 0 for a free one.",
      { cause: error },
    );
  }
  const { port: actual } = server.address() as AddressInfo;
  return `http://${host.includes(":") ? `[${host}]` : host}:${actual}`;
};

const createPlayer = async (mode: SimulatorMode): Promise<Player> =>
  mode.kind === "script"
    ? createScriptPlayer(await readScript(mode.file))
    : createRelayPlayer(mode.dir, mode.waitMs);

/**
 * Starts a Messages API on loopback (or `host`) whose model is a script or whoever writes reply files. A
 * script that cannot be used is a `UserError`.
 */
export const startSimulator = async (options: SimulatorOptions): Promise<Simulator> => {
  const { mode, host = "127.0.0.1", port = 0 } = options;
  const apiKey = options.apiKey ?? `sim-${randomBytes(16).toString("hex")}`;
  const player = await createPlayer(mode);
  const log: SeenRequest[] = [];
  const closing = new AbortController();
  const app = createApp({ player, apiKey, log, closing: closing.signal });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  const url = await listen(server, host, port);
  const close = async (): Promise<void> => {
    closing.abort();
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return { url, apiKey, requests: () => log, close, [Symbol.asyncDispose]: close };
};
