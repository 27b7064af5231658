import type { Duplex } from "node:stream";
import { type Hello, readClientHello } from "./client-hello.ts";
import type { Exchange } from "./exchange.ts";
import { notListed, phrase, type Scope } from "./refuse.ts";

/** For an answer to be read before its connection is gone. */
const LINGER_MS = 2000;

type Tunnel = { exchange: Exchange; client: Duplex; head: Buffer };

/**
 * Serves a CONNECT to a listed host. Nothing reaches the host before its TLS names it, and only it; what is said
 * inside is the two ends' own, so a list entry trusts the host with what the sandbox holds.
 */
export const tunnel = async (scope: Scope, { exchange, client, head }: Tunnel, host: string) => {
  exchange.host = host;
  if (!scope.grant.hosts.includes(host)) {
    const refusal = notListed(host, scope);
    exchange.end("refused", refusal.detail);
    return closeWith(client, 403, refusal.advice);
  }
  const upstream = await scope.upstreams.connect({ tls: false, host, port: 443, reach: "public" });
  try {
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    const first = await helloOf(client, head, scope);
    const problem = problemOf(first.hello, host);
    if (problem !== undefined) {
      exchange.end("refused", problem);
      client.destroy();
      return;
    }
    exchange.sent(first.bytes.length);
    upstream.write(first.bytes);
    await join({ exchange, client, upstream, idleMs: scope.limits.idleMs, signal: scope.signal });
    exchange.end("allowed", "tunnel");
  } finally {
    upstream.destroy();
  }
};

/** Answers on a connection that is no request's any more, and ends it whether or not the other end agrees. */
export const closeWith = (client: Duplex, status: number, text: string): void => {
  const body = Buffer.from(`${text}\n`);
  client.end(
    `HTTP/1.1 ${status} ${phrase(status, text)}\r\ncontent-type: text/plain; charset=utf-8\r\n` +
      `content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
  client.resume();
  const timer = setTimeout(() => client.destroy(), LINGER_MS);
  client.once("close", () => clearTimeout(timer));
};

const problemOf = (hello: Hello, host: string): string | undefined => {
  switch (hello.kind) {
    case "name":
      return hello.name.toLowerCase() === host ? undefined : "TLS names another server (SNI)";
    case "refused":
      return hello.reason;
    case "more":
      return "no ClientHello came";
  }
};

/** Reads until a ClientHello is whole or cannot become one; at the end of time or stream, `more`. */
const helloOf = (
  client: Duplex,
  head: Buffer,
  { limits, signal }: Scope,
): Promise<{ bytes: Buffer; hello: Hello }> =>
  new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const end = (hello: Hello) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      client.off("data", take).off("end", giveUp).off("close", giveUp);
      client.pause();
      resolve({ bytes, hello });
    };
    const giveUp = () => end({ kind: "more" });
    const take = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const hello = readClientHello(bytes);
      if (hello.kind !== "more") end(hello);
    };
    const timer = setTimeout(giveUp, limits.headMs);
    signal.addEventListener("abort", giveUp, { once: true });
    client.on("data", take).once("end", giveUp).once("close", giveUp);
    if (client.destroyed) giveUp();
    else if (head.length > 0) take(head);
  });

type Joined = {
  exchange: Exchange;
  client: Duplex;
  upstream: Duplex;
  idleMs: number;
  signal: AbortSignal;
};

/** Carries bytes both ways until both ends have ended, one fails, or nothing moves for too long. */
const join = ({ exchange, client, upstream, idleMs, signal }: Joined): Promise<void> =>
  new Promise((resolve, reject) => {
    const settle = (error?: unknown) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      client.destroy();
      upstream.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    const onAbort = () => settle(signal.reason);
    const timer = setTimeout(() => settle(new Error("nothing came for too long")), idleMs);
    signal.addEventListener("abort", onAbort, { once: true });
    const carry = (from: Duplex, to: Duplex, count: (bytes: number) => void) => {
      from.on("data", (chunk: Buffer) => {
        timer.refresh();
        try {
          count(chunk.length);
        } catch (error) {
          return settle(error);
        }
        if (!to.write(chunk)) from.pause();
      });
      to.on("drain", () => from.resume());
      from.once("end", () => to.end());
      from.once("error", settle);
      from.resume();
    };
    carry(client, upstream, (bytes) => exchange.sent(bytes));
    carry(upstream, client, (bytes) => exchange.received(bytes));
    let open = 2;
    for (const [end, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      end.once("close", () => {
        open -= 1;
        if (open === 0) settle();
        else other.end();
      });
    }
  });
