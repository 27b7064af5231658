import { lookup } from "node:dns/promises";
import { Agent } from "node:http";
import { connect, isIP, type LookupFunction, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createSecureContext, connect as secure } from "node:tls";
import { isWithin, type Reach } from "./addresses.ts";

/** Where and how to connect; the name is resolved once, and only addresses within reach are used. */
export type Origin = { tls: boolean; host: string; port: number; reach: Reach };

export type UpstreamsOptions = {
  /** PEM bundle that upstreams' certificates are checked against; absent: Node's own */
  ca?: string | undefined;
  /** every address of a name; the default asks the host's resolver */
  resolve?: ((host: string) => Promise<readonly string[]>) | undefined;
  /** connects to one of these addresses, which were checked; the default does just that */
  dial?: ((addresses: readonly string[], port: number) => Socket) | undefined;
  connectMs: number;
};

/** Not connected because of what the name resolves to. */
export class AddressRefusedError extends Error {
  override readonly name = "AddressRefusedError";
}

/** Connections out of the factory, kept alive per origin. */
export class Upstreams implements Disposable {
  readonly #options: UpstreamsOptions;
  readonly #context;
  readonly #agents = new Map<string, Agent>();

  constructor(options: UpstreamsOptions) {
    this.#options = options;
    // parsed once: a host's bundle holds more than a hundred certificates
    this.#context = createSecureContext(options.ca === undefined ? {} : { ca: options.ca });
  }

  /** For `http.request`, whatever the scheme: TLS is the agent's own business. */
  agent(origin: Origin): Agent {
    const key = `${origin.reach} ${origin.tls} ${origin.host}:${origin.port}`;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent = new OriginAgent(() => this.connect(origin));
    this.#agents.set(key, agent);
    return agent;
  }

  /** Resolves, checks and connects, TLS included; rejects with `AddressRefusedError` or the network's error. */
  async connect(origin: Origin): Promise<Duplex> {
    const deadline = AbortSignal.timeout(this.#options.connectMs);
    const socket = this.#dial(await within(deadline, this.#resolve(origin)), origin.port);
    const stream = origin.tls ? this.#encrypt(socket, origin.host) : socket;
    const ready = Promise.withResolvers<void>();
    stream.once(origin.tls ? "secureConnect" : "connect", ready.resolve);
    // stays: TLS over a socket that fails tells it more than once
    stream.on("error", ready.reject);
    try {
      await within(deadline, ready.promise);
      return stream;
    } catch (error) {
      stream.destroy();
      socket.destroy();
      throw error;
    }
  }

  #encrypt(socket: Socket, host: string) {
    const stream = secure({ socket, servername: host, secureContext: this.#context });
    socket.on("error", (error) => stream.destroy(error));
    return stream;
  }

  async #resolve({ host, reach }: Origin): Promise<readonly string[]> {
    const { resolve = everyAddress } = this.#options;
    const addresses = isIP(host) === 0 ? await resolve(host) : [host];
    const outside = addresses.find((address) => !isWithin(reach, address));
    if (outside !== undefined)
      throw new AddressRefusedError(
        `${host} resolves to ${outside}, which is not a public address`,
      );
    if (addresses.length === 0) throw new Error(`${host} has no address`);
    return addresses;
  }

  #dial(addresses: readonly string[], port: number): Socket {
    const { dial = dialAny } = this.#options;
    return dial(addresses, port).setNoDelay(true);
  }

  [Symbol.dispose](): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }
}

class OriginAgent extends Agent {
  readonly #connect: () => Promise<Duplex>;

  constructor(connect: () => Promise<Duplex>) {
    super({ keepAlive: true, maxFreeSockets: 16, timeout: 30_000 });
    this.#connect = connect;
  }

  override createConnection(
    _options: object,
    done?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#connect().then(
      (stream) => done?.(null, stream),
      // the stream is not looked at where there is an error
      (error: Error) => done?.(error, undefined as unknown as Duplex),
    );
  }
}

const everyAddress = async (host: string): Promise<string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/** The addresses stand in for a resolver's answer, so that the faster of the two families wins. */
const dialAny = (addresses: readonly string[], port: number): Socket => {
  const answer: LookupFunction = (_host, _options, done) =>
    done(
      null,
      addresses.map((address) => ({ address, family: isIP(address) })),
    );
  return connect({ host: "pinned", port, lookup: answer, autoSelectFamily: true });
};

const within = <T>(deadline: AbortSignal, work: Promise<T>): Promise<T> => {
  const late = Promise.withResolvers<never>();
  const onAbort = () => late.reject(new Error("no connection in time"));
  deadline.addEventListener("abort", onAbort, { once: true });
  return Promise.race([work, late.promise]).finally(() =>
    deadline.removeEventListener("abort", onAbort),
  );
};
