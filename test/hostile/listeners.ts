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

const METADATA = "169.254.169.254";

const listening = (server: Server, where: ListenOptions): Promise<boolean> =>
  new Promise((resolve) => {
    server.once("error", () => resolve(false)).listen(where, () => resolve(true));
  });

/** Gives this host a cloud's metadata address, where it may; the returned function takes it away again. */
const addMetadataAddress = (): (() => void) | undefined => {
  const ip = (verb: string) => spawnSync("ip", ["addr", verb, `${METADATA}/32`, "dev", "lo"]);
  return ip("add").status === 0 ? () => void ip("del") : undefined;
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

  const remove = addMetadataAddress();
  if (remove !== undefined) closing.defer(remove);
  const first = await tcp("TCP on every IPv4 address", { host: "0.0.0.0", port: 0 });
  const { port } = first.address() as { port: number };
  await tcp("TCP on every IPv6 address", { host: "::", port, ipv6Only: true });
  await udp("UDP on every IPv4 address", "udp4", port);
  await udp("UDP on every IPv6 address", "udp6", port);
  await udp("a resolver on loopback", "udp4", 53, "127.0.0.1");
  if (remove !== undefined) await tcp("a cloud's metadata", { host: METADATA, port: 80 });
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
