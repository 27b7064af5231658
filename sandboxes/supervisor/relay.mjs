// @ts-check
/**
 * TCP connections over the attached stream: the supervisor listens on the proxy's port, and the factory serves what
 * connects there. Frames, with `conn` counting up from 1 in the order the supervisor opens them:
 *   {net: "open", conn} from the supervisor alone
 *   {net: "data", conn} and a body · {net: "end", conn}, no more data · {net: "close", conn}, torn down
 *   {net: "credit", conn, bytes}
 * Each direction of each connection has a window of credit: a data frame uses up its bytes and its cost, and the
 * receiver gives credit back as its reader takes data. So a reader that is slow holds up its own connection alone, an
 * answer on the same stream waits for no more than the windows, and neither side ever holds more than they allow.
 */

import { createServer } from "node:net";
import { Duplex } from "node:stream";

const WINDOW_BYTES = 256 * 1024;
/** The most that the body of one frame holds. */
export const CHUNK_BYTES = 64 * 1024;
/** What holding a frame takes besides its bytes, so that many tiny ones are no way around the window. */
const FRAME_COST = 256;

/** @typedef {{ net: "data" | "end" | "close" } | { net: "credit", bytes: number }} Signal */

/** One end of a relayed connection. */
export class Connection extends Duplex {
  #send;
  /** @type {Buffer[]} */
  #received = [];
  #held = 0;
  #owed = 0;
  #hungry = false;
  #farEnded = false;
  #farClosed = false;
  /** @type {{ rest: Buffer, done: () => void } | undefined} */
  #outgoing;
  #credit = WINDOW_BYTES;

  /** @param {(signal: Signal, body?: Buffer) => void} send */
  constructor(send) {
    super({ readableHighWaterMark: CHUNK_BYTES, writableHighWaterMark: CHUNK_BYTES });
    this.#send = send;
  }

  /**
   * Takes what the other end sent; throws where that breaks the rules.
   * @param {Signal} signal
   * @param {Buffer} body
   */
  receive(signal, body) {
    switch (signal.net) {
      case "data":
        return this.#take(body);
      case "end":
        if (this.#farEnded) throw new RangeError("a connection ended twice");
        this.#farEnded = true;
        return this.#flow();
      case "credit":
        this.#credit += signal.bytes;
        if (this.#credit > WINDOW_BYTES) throw new RangeError("credit for what was never sent");
        return this.#pump();
      case "close":
        this.#farClosed = true;
        this.destroy();
    }
  }

  /** @param {Buffer} body */
  #take(body) {
    this.#held += body.length + FRAME_COST;
    if (this.#farEnded || this.#held + this.#owed > WINDOW_BYTES)
      throw new RangeError("data after its connection's end, or beyond its window");
    // memory of its own: a part of the stream's buffer would keep all of that buffer alive
    const own = Buffer.alloc(body.length);
    own.set(body);
    this.#received.push(own);
    this.#flow();
  }

  #flow() {
    while (this.#hungry) {
      const next = this.#received.shift();
      if (next === undefined) {
        if (!this.#farEnded) return;
        this.#hungry = false;
        this.push(null);
        return;
      }
      const cost = next.length + FRAME_COST;
      this.#held -= cost;
      this.#owed += cost;
      // the reader may ask for more while it is given this, and that must not be forgotten
      this.#hungry = false;
      if (this.push(next)) this.#hungry = true;
      this.#giveCredit();
    }
  }

  /** Often enough that a sender never runs dry, and seldom enough to be a small part of the traffic. */
  #giveCredit() {
    const bytes = this.#owed;
    if (bytes < WINDOW_BYTES / 4 || this.#farEnded) return;
    this.#owed = 0;
    this.#send({ net: "credit", bytes });
  }

  #pump() {
    while (this.#outgoing !== undefined) {
      const { rest, done } = this.#outgoing;
      const room = Math.min(this.#credit - FRAME_COST, CHUNK_BYTES);
      if (room <= 0) return;
      const part = rest.subarray(0, room);
      const isLast = part.length === rest.length;
      this.#credit -= part.length + FRAME_COST;
      this.#outgoing = isLast ? undefined : { rest: rest.subarray(room), done };
      this.#send({ net: "data" }, part);
      if (isLast) done();
    }
  }

  /** @override */
  _read() {
    this.#hungry = true;
    this.#flow();
  }

  /**
   * @override
   * @param {Buffer} chunk
   * @param {BufferEncoding} _
   * @param {() => void} done
   */
  _write(chunk, _, done) {
    this.#outgoing = { rest: chunk, done };
    this.#pump();
  }

  /**
   * @override
   * @param {() => void} done
   */
  _final(done) {
    this.#send({ net: "end" });
    done();
  }

  /**
   * @override
   * @param {Error | null} error
   * @param {(error: Error | null) => void} done
   */
  _destroy(error, done) {
    const bothEnded = this.#farEnded && this.writableFinished;
    if (!bothEnded && !this.#farClosed) this.#send({ net: "close" });
    this.#received = [];
    this.#outgoing = undefined;
    done(error);
  }
}

/**
 * The supervisor's side: listens, and relays what connects.
 * @param {(header: Readonly<Record<string, unknown>>, body?: Buffer) => void} send
 */
export function createRelay(send) {
  /** @type {Map<number, Connection>} */
  const connections = new Map();
  let opened = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    opened += 1;
    const conn = opened;
    send({ net: "open", conn });
    const far = new Connection((signal, body) => send({ ...signal, conn }, body));
    connections.set(conn, far);
    far.on("close", () => {
      connections.delete(conn);
      // at a proper end the socket still has to hand over what it was given
      if (!far.readableEnded) socket.destroy();
    });
    socket.on("error", () => {}).on("close", () => far.destroy());
    socket.pipe(far).pipe(socket);
  });
  return {
    /** @param {{ port: number }} args */
    listen: ({ port }) =>
      new Promise((resolve, reject) => {
        server.once("error", reject).listen(port, "127.0.0.1", () => resolve({}));
      }),
    /**
     * @param {Signal & { conn: number }} signal
     * @param {Buffer} body
     */
    receive(signal, body) {
      connections.get(signal.conn)?.receive(signal, body);
    },
  };
}
