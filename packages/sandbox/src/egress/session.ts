import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Account, ByteCapError, type Exchange } from "./exchange.ts";
import { forward } from "./forward.ts";
import { answerText, refuse, type Scope, type Served } from "./refuse.ts";
import { requestTarget, tunnelTarget } from "./target.ts";
import { closeWith, tunnel } from "./tunnel.ts";
import type { EgressSession, Restoring } from "./types.ts";
import { AddressRefusedError } from "./upstreams.ts";

type Connection = { active: number; timer: NodeJS.Timeout };

/** Serves the connections of one sandbox; every request ends in one record. */
export class Session implements EgressSession {
  readonly restoring: readonly Restoring[];
  readonly #scope: Scope;
  readonly #account: Account;
  readonly #server: Server;
  readonly #ending = new AbortController();
  readonly #connections = new Map<Duplex, Connection>();
  readonly #work = new Set<Promise<void>>();
  readonly #onClosed: () => void;

  constructor(
    { restoring, ...scope }: Omit<Scope, "signal"> & Pick<EgressSession, "restoring">,
    onClosed: () => void,
  ) {
    this.restoring = restoring;
    this.#onClosed = onClosed;
    this.#scope = { ...scope, signal: this.#ending.signal };
    this.#account = new Account(scope.grant.phase, scope.limits, scope.grant.onRequest);
    this.#server = createServer({ maxHeaderSize: 16_384, requireHostHeader: false });
    const serve = (incoming: IncomingMessage, response: ServerResponse) =>
      this.#track(this.#serve(incoming, response));
    // what Node would answer by itself would leave no record
    this.#server.on("request", serve).on("checkContinue", serve).on("checkExpectation", serve);
    this.#server.on("connect", (incoming, client, head) =>
      this.#track(this.#tunnel(incoming, client, head)),
    );
    this.#server.on("clientError", (error, client) => this.#malformed(error, client));
  }

  accept(connection: Duplex): void {
    connection.on("error", () => {});
    const full = this.#connections.size >= this.#scope.limits.connections;
    if (this.#ending.signal.aborted || full) return void connection.destroy();
    this.#connections.set(connection, { active: 0, timer: this.#headTimer(connection) });
    connection.once("close", () => {
      clearTimeout(this.#connections.get(connection)?.timer);
      this.#connections.delete(connection);
    });
    this.#server.emit("connection", connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await Promise.all(this.#work);
    this.#onClosed();
  }

  #end(): void {
    this.#ending.abort(new Error("the sandbox's network was closed"));
    for (const connection of this.#connections.keys()) connection.destroy();
  }

  #track(work: Promise<void>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  /** The account of a request that came; undefined when there were too many, which ends the session. */
  #begin(method: string, client: Duplex): Exchange | undefined {
    const exchange = this.#account.begin(method);
    if (exchange === undefined) this.#end();
    const connection = this.#connections.get(client);
    if (connection === undefined) return exchange;
    connection.active += 1;
    clearTimeout(connection.timer);
    return exchange;
  }

  /** The time for the next request's head begins when nothing is being answered. */
  #finish(client: Duplex): void {
    const connection = this.#connections.get(client);
    if (connection === undefined) return;
    connection.active -= 1;
    if (connection.active === 0) connection.timer = this.#headTimer(client);
  }

  #headTimer(client: Duplex): NodeJS.Timeout {
    return setTimeout(() => client.destroy(), this.#scope.limits.headMs);
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers, socket } = incoming;
    const exchange = this.#begin(method, socket);
    if (exchange === undefined) return;
    response.on("error", () => {});
    response.once("close", () => this.#finish(socket));
    const served = { exchange, incoming, response };
    try {
      // one connection may hold many requests: Node takes the next before the last is answered
      if (this.#work.size >= this.#scope.limits.connections)
        return await refuse(served, "too many requests at once");
      await this.#answer(served, requestTarget(url, headers.host));
    } catch (error) {
      this.#failed(exchange, error, (status, text) => answerText(response, status, text));
    }
  }

  async #answer(served: Served, target: ReturnType<typeof requestTarget>): Promise<void> {
    switch (target.kind) {
      case "endpoint":
      case "plain":
        return forward(this.#scope, served, target);
      case "refused":
        served.exchange.host = target.host;
        served.exchange.path = target.path;
        return refuse(served, target.reason);
      case "tunnel":
        throw new Error("a request line that is no CONNECT asked for a tunnel");
    }
  }

  async #tunnel(incoming: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    const exchange = this.#begin("CONNECT", client);
    if (exchange === undefined) return;
    const target = tunnelTarget(incoming.url ?? "");
    try {
      if (target.kind === "tunnel")
        return await tunnel(this.#scope, { exchange, client, head }, target.host);
      if (target.kind !== "refused") throw new Error("a CONNECT asked for no tunnel");
      exchange.host = target.host;
      exchange.end("refused", target.reason);
      closeWith(client, 403, target.reason);
    } catch (error) {
      this.#failed(exchange, error, (status, text) => closeWith(client, status, text));
    }
  }

  /** A refusal that was found on the way, or an upstream that did not answer. */
  #failed(exchange: Exchange, error: unknown, say: (status: number, text: string) => void): void {
    const reason = error instanceof Error ? error.message : String(error);
    const refused = error instanceof AddressRefusedError || error instanceof ByteCapError;
    exchange.end(refused ? "refused" : "failed", reason);
    if (refused) say(403, reason);
    else say(502, `${exchange.host} could not be reached: ${reason}`);
  }

  #malformed(error: NodeJS.ErrnoException, client: Duplex): void {
    const connection = this.#connections.get(client);
    if (error.code?.startsWith("HPE_") === true)
      this.#account.begin("")?.end("refused", `malformed request (${error.code})`);
    if (connection?.active === 0 && client.writable) closeWith(client, 400, "malformed request");
    else client.destroy();
  }
}
