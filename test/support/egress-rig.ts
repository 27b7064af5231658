import { createServer as createHttp, type RequestListener } from "node:http";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { EgressRequest, NetworkPhase } from "@headrace/domain";
import { createEgress, type Egress, type EgressOptions } from "@headrace/sandbox";
import type { Certificates } from "./egress-certificates.ts";

const listenOn = async (server: Server, port = 0): Promise<number> => {
  await new Promise<void>((resolve, reject) =>
    server.once("error", reject).listen(port, "127.0.0.1", resolve),
  );
  return (server.address() as AddressInfo).port;
};

export type Upstream = AsyncDisposable & { port: number };

/** A real HTTP server on loopback, with TLS where it gets certificates. */
export const startUpstream = async (
  listener: RequestListener,
  certificates?: Certificates,
): Promise<Upstream> => {
  const server =
    certificates === undefined ? createHttp(listener) : createHttps(certificates, listener);
  const port = await listenOn(server);
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

/** An address that passes as public and that nobody has: what it stands for is decided by `dial`. */
export const PUBLIC = "8.8.4.4";

type RigOptions = Partial<EgressOptions> & {
  phase?: NetworkPhase;
  hosts?: readonly string[];
  /** where connections to a public address and this port really go, on loopback */
  ports?: Readonly<Record<number, number>>;
};

/** One session behind a listener, as the supervisor's relay is one in a sandbox; closing it closes the proxy. */
export const startSession = async (
  egress: Egress,
  grant: { phase?: NetworkPhase; hosts?: readonly string[]; port?: number },
) => {
  const { phase = "setup", hosts = [], port = 0 } = grant;
  const requests: EgressRequest[] = [];
  const onRequest = (request: EgressRequest) => void requests.push(request);
  const session = egress.session({ phase, hosts, onRequest });
  const front = createServer({ allowHalfOpen: true }, (socket) => session.accept(socket));
  const listening = await listenOn(front, port);
  return {
    egress,
    session,
    requests,
    port: listening,
    /** sends these bytes and gives what comes back until the end */
    raw: (bytes: string | Buffer) => exchange(listening, bytes),
    [Symbol.asyncDispose]: async () => {
      await egress[Symbol.asyncDispose]();
      await new Promise((resolve) => front.close(resolve));
    },
  };
};

/** The proxy where every name has a public address, and every connection is told and goes to loopback. */
export const startEgress = async ({ phase, hosts = [], ports = {}, ...options }: RigOptions) => {
  const dialled: { addresses: readonly string[]; port: number }[] = [];
  const egress = createEgress({
    registries: [],
    resolve: async () => [PUBLIC],
    dial: (addresses, wanted) => {
      dialled.push({ addresses, port: wanted });
      return connect(addresses.includes(PUBLIC) ? (ports[wanted] ?? 1) : wanted, "127.0.0.1");
    },
    ...options,
  });
  return { ...(await startSession(egress, { hosts, ...(phase && { phase }) })), dialled };
};

/** A connection to the sandbox's side of the proxy. */
export const dialFront = (port: number): Socket => connect(port, "127.0.0.1").on("error", () => {});

const exchange = (port: number, bytes: string | Buffer): Promise<string> =>
  new Promise((resolve) => {
    const socket = dialFront(port);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.once("close", () => resolve(text)).once("end", () => socket.end());
    socket.write(bytes);
  });

/** What a request for a path of the proxy gets, as a client with a keep-alive connection would ask. */
export const ask = async (
  port: number,
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; headers: Headers; body: string }> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: "manual", ...init });
  return { status: response.status, headers: response.headers, body: await response.text() };
};

/** A listener that takes whatever comes and tells how much did. */
export const startWitness = async () => {
  const seen = { connections: 0, bytes: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    seen.connections += 1;
    sockets.add(socket);
    socket
      .on("error", () => {})
      .on("data", (chunk) => {
        seen.bytes += chunk.length;
      });
  });
  const port = await listenOn(server);
  return {
    port,
    seen,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
