import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { createServer, type ListenOptions, type Server } from "node:net";

/** Servers of this host that take whatever comes, on every way that a sandbox might find out. */
export type Listeners = AsyncDisposable & {
  /** the port that is open on every address of the host */
  port: number;
  abstract: string;
  /** which doors are open; what this machine does not allow is left out */
  doors: readonly string[];
  /** bytes and connections that came in, by door */
  heard(): Readonly<Record<string, number>>;
  forget(): void;
};

/** Addresses at which clouds tell machines who they are, and hand out credentials. */
export const METADATA = {
  link: "169.254.169.254",
  container: "169.254.170.2",
  other: "100.100.100.200",
  ipv6: "fd00:ec2::254",
} as const;
/** The door that only what forwards names would knock on. */
export const RESOLVER = "a resolver on loopback";
/** The engine's default bridge. */
export const BRIDGE4 = "172.17.0.1";

const listening = (server: Server, where: ListenOptions): Promise<boolean> =>
  new Promise((resolve) => {
    server.once("error", () => resolve(false)).listen(where, () => resolve(true));
  });

/** Gives this host an address, where it may; the returned function takes it away again. */
const addAddress = (address: string): (() => void) | undefined => {
  const prefix = address.includes(":") ? 128 : 32;
  const ip = (verb: string) =>
    spawnSync("ip", ["addr", verb, `${address}/${prefix}`, "dev", "lo"]).status === 0;
  return ip("add") ? () => void ip("del") : undefined;
};

export const openListeners = async (): Promise<Listeners> => {
  const closing = new AsyncDisposableStack();
  let heard: Record<string, number> = {};
  const hear = (door: string, count: number) => {
    heard[door] = (heard[door] ?? 0) + count;
  };
  const doors: string[] = [];

  const tcp = async (door: string, where: ListenOptions): Promise<Server> => {
    const server = createServer((socket) => {
      hear(door, 1);
      socket.on("error", () => {}).on("data", (chunk) => hear(door, chunk.length));
      socket.end("you got through\n");
    });
    if (await listening(server, where)) {
      doors.push(door);
      closing.defer(() => new Promise((resolve) => void server.close(() => resolve())));
    }
    return server;
  };
  const udp = async (door: string, family: "udp4" | "udp6", port: number, address?: string) => {
    const socket = createSocket({ type: family, ipv6Only: family === "udp6" });
    socket.on("message", (bytes) => hear(door, bytes.length));
    const bound = await new Promise<boolean>((resolve) => {
      socket.once("error", () => resolve(false)).bind(port, address, () => resolve(true));
    });
    if (!bound) return void socket.close();
    doors.push(door);
    closing.defer(() => new Promise((resolve) => void socket.close(() => resolve())));
  };

  const first = await tcp("TCP on every IPv4 address", { host: "0.0.0.0", port: 0 });
  const { port } = first.address() as { port: number };
  await tcp("TCP on every IPv6 address", { host: "::", port, ipv6Only: true });
  await udp("UDP on every IPv4 address", "udp4", port);
  await udp("UDP on every IPv6 address", "udp6", port);
  await udp(RESOLVER, "udp4", 53, "127.0.0.1");
  await tcp("Redis on the bridge", { host: BRIDGE4, port: 6379 });
  for (const host of Object.values(METADATA)) {
    const remove = addAddress(host);
    if (remove === undefined) continue;
    closing.defer(remove);
    await tcp(host, { host, port: 80 });
  }
  const abstract = `headrace-hostile-${randomBytes(6).toString("hex")}`;
  if (process.platform === "linux") await tcp("an abstract socket", { path: `\0${abstract}` });
  return {
    port,
    abstract,
    doors,
    heard: () => heard,
    forget() {
      heard = {};
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
};
