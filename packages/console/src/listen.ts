import { once } from "node:events";
import type { Server } from "node:http";
import { isIP } from "node:net";
import { UserError } from "@headrace/domain";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";

export type Listening = { url: string; close(): Promise<void> };

/** how long answers under way may take once the server closes */
const CLOSE_MS = 500;

/**
 * Serves the app; port 0 takes a free one. On a loopback address only requests that name such an address are
 * answered, so that no web page can reach it through a name it has bound to 127.0.0.1.
 */
export const listen = async (
  app: Hono,
  { host, port }: { host: string; port: number },
): Promise<Listening> => {
  const guarded = isLoopback(host);
  const server = createAdaptorServer({
    fetch: (request, env) =>
      guarded && !namesLoopback(request.headers.get("host"))
        ? new Response("this address is answered under its own name only\n", { status: 403 })
        : app.fetch(request, env),
  }) as Server;
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UserError(
      `cannot listen on ${authority(host, port)}: ${code === "EADDRINUSE" ? "it is in use" : code}`,
      "name another address with --listen, or stop what listens there",
      { cause },
    );
  }
  const address = server.address();
  const actual = typeof address === "object" && address !== null ? address.port : port;
  return { url: `http://${authority(reachable(host), actual)}`, close: () => close(server) };
};

const close = async (server: Server): Promise<void> => {
  const closed = once(server, "close");
  server.close();
  server.closeIdleConnections();
  // event streams never end by themselves; their clients come back with what they saw last
  const cut = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
  await closed;
  clearTimeout(cut);
};

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));

const namesLoopback = (header: string | null): boolean => {
  if (header === null || !URL.canParse(`http://${header}`)) return false;
  return isLoopback(new URL(`http://${header}`).hostname.replace(/^\[|\]$/g, ""));
};

/** An address a client on this machine can use for one that stands for all. */
const reachable = (host: string): string =>
  host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;

const authority = (host: string, port: number): string =>
  `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
