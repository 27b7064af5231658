import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { UserError } from "@headrace/domain";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { z } from "zod";
import { ApiError } from "./api-error.ts";
import type { Call, SeenRequest } from "./call.ts";
import { modelPage, routedModels } from "./catalogue.ts";
import { type Limits, type ProviderKind, Storm } from "./conditions.ts";
import { answerCount, answerMessages, type Endpoint } from "./messages.ts";
import { PromptCache } from "./prompt-cache.ts";
import { RateLimits } from "./rate-limits.ts";
import { createRelayPlayer } from "./relay-player.ts";
import type { Player } from "./reply.ts";
import { readScript, type Script } from "./script-file.ts";
import { createScriptPlayer } from "./script-player.ts";
import { inStorm } from "./storm.ts";

export type SimulatorMode =
  | { kind: "script"; file: string }
  /** `waitMs` bounds the wait for one reply file, an hour unless given */
  | { kind: "relay"; dir: string; waitMs?: number };

export type Simulator = AsyncDisposable & {
  url: string;
  apiKey: string;
  /** every request so far, in order of arrival */
  requests(): readonly SeenRequest[];
  /** replies that went out whole and usable, and those of them that had gone out before, by user id and turn */
  completed(): { count: number; repeated: string[] };
  close(): Promise<void>;
};

export type SimulatorOptions = {
  mode: SimulatorMode;
  host?: string;
  /** 0 takes a free one */
  port?: number;
  /** a random one unless given */
  apiKey?: string;
  /** in the place of the script's own */
  provider?: ProviderKind | undefined;
  limits?: Limits | undefined;
  storm?: z.input<typeof Storm> | undefined;
  /** by which rate limits fill up; the system's time unless given */
  now?: () => Date;
};

/** As the real API: 32 MB. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

type Conditions = Pick<Script, "provider" | "limits" | "storm">;

type Env = { Bindings: HttpBindings; Variables: { call: Call } };

const answerError =
  (provider: ProviderKind) =>
  (error: Error, c: Context<Env>): Response => {
    const { requestId, seen, signal, outgoing, headers } = c.var.call;
    const answer =
      error instanceof ApiError ? error : new ApiError(500, `simulator failed: ${error.message}`);
    seen.outcome = signal.aborted ? "gone" : "error";
    seen.problem = answer.message;
    if (outgoing.headersSent) return RESPONSE_ALREADY_SENT;
    return Response.json(provider === "openrouter" ? answer.routed : answer.body(requestId), {
      status: answer.status,
      headers: { ...headers, ...answer.headers },
    });
  };

/** The SDK sends its key as a bearer token, older ones as `x-api-key`. */
const keyOf = (c: Context<Env>): string | undefined =>
  c.req.header("x-api-key") ?? c.req.header("authorization")?.replace(/^Bearer /i, "");

const createApp = (facts: {
  endpoint: Endpoint;
  apiKey: string;
  log: SeenRequest[];
  closing: AbortSignal;
}): Hono<Env> => {
  const { endpoint, apiKey, log, closing } = facts;
  const { provider } = endpoint;
  const app = new Hono<Env>();
  app.use(async (c, next) => {
    const seen: SeenRequest = { path: c.req.path, status: 0, outcome: "pending" };
    log.push(seen);
    const requestId = `req_sim${String(log.length).padStart(9, "0")}`;
    const left = new AbortController();
    const { outgoing } = c.env;
    outgoing.once("close", () => left.abort());
    const signal = AbortSignal.any([left.signal, closing]);
    c.set("call", { requestId, seen, outgoing, signal, headers: {} });
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
  app.post("/v1/messages", async (c) => answerMessages(c.var.call, await c.req.text(), endpoint));
  if (provider === "anthropic")
    app.post("/v1/messages/count_tokens", async (c) => answerCount(await c.req.text()));
  app.get("/v1/models", (c) =>
    Response.json(provider === "openrouter" ? routedModels() : modelPage(c.req.query())),
  );
  app.notFound(() => {
    throw new ApiError(404, "Not found");
  });
  app.onError(answerError(provider));
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

const playerOf = async (
  mode: SimulatorMode,
): Promise<{ player: Player; conditions: Conditions }> => {
  if (mode.kind === "relay")
    return { player: await createRelayPlayer(mode.dir, mode.waitMs), conditions: {} };
  const script = await readScript(mode.file);
  return { player: createScriptPlayer(script), conditions: script };
};

const createEndpoint = async (options: SimulatorOptions): Promise<Endpoint> => {
  const { now = () => new Date() } = options;
  const { player, conditions } = await playerOf(options.mode);
  const storm = options.storm === undefined ? conditions.storm : Storm.parse(options.storm);
  return {
    player: storm === undefined ? player : inStorm(player, storm),
    cache: new PromptCache(),
    limits: new RateLimits(options.limits ?? conditions.limits ?? {}, () => now().getTime()),
    provider: options.provider ?? conditions.provider ?? "anthropic",
  };
};

const completedOf = (log: readonly SeenRequest[]): ReturnType<Simulator["completed"]> => {
  const calls = log
    .filter(({ outcome, turn }) => outcome === "reply" && turn !== undefined)
    .map(({ user, turn }) => `${user} turn ${turn}`);
  return { count: calls.length, repeated: calls.filter((call, i) => calls.indexOf(call) < i) };
};

/**
 * Starts a Messages API on loopback (or `host`) whose model is a script or whoever writes reply files. A
 * script that cannot be used is a `UserError`.
 */
export const startSimulator = async (options: SimulatorOptions): Promise<Simulator> => {
  const { host = "127.0.0.1", port = 0 } = options;
  const apiKey = options.apiKey ?? `sim-${randomBytes(16).toString("hex")}`;
  const endpoint = await createEndpoint(options);
  const log: SeenRequest[] = [];
  const closing = new AbortController();
  const app = createApp({ endpoint, apiKey, log, closing: closing.signal });
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
  return {
    url,
    apiKey,
    requests: () => log,
    completed: () => completedOf(log),
    close,
    [Symbol.asyncDispose]: close,
  };
};
