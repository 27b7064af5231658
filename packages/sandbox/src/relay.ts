import { InfrastructureError } from "@headrace/domain";
import { z } from "zod";
import { CHUNK_BYTES, Connection } from "../../../sandboxes/supervisor/relay.mjs";
import type { EgressSession } from "./egress/types.ts";

const MAX_CONNECTIONS = 128;

/** What taking a frame costs besides its body, and what opening a connection does, as if they were bytes. */
const FRAME_COST = 256;
const OPEN_COST = 2048;
/** Costs of frames that serve nobody: those under way on all connections when they are closed, and then this rate. */
const IDLE_COST = MAX_CONNECTIONS * 256 * 1024;
const IDLE_COST_PER_MS = 1024;

const conn = z.int().positive();
const NetFrame = z.discriminatedUnion("net", [
  z.strictObject({ net: z.literal("open"), conn }),
  z.strictObject({ net: z.literal("data"), conn }),
  z.strictObject({ net: z.literal("end"), conn }),
  z.strictObject({ net: z.literal("close"), conn }),
  z.strictObject({ net: z.literal("credit"), conn, bytes: z.int().positive() }),
]);

/** Whether a frame is about the network; anyone in a sandbox can send one. */
export const isNetFrame = (header: unknown): boolean =>
  typeof header === "object" && header !== null && "net" in header;

type Send = (header: Record<string, unknown>, body?: Uint8Array) => void;

/**
 * The factory's side of a sandbox's connections (sandboxes/supervisor/relay.mjs says what travels): each becomes a
 * stream for the session to serve. What breaks the rules throws, and so loses the sandbox.
 */
export class Relay {
  readonly maxBody = CHUNK_BYTES;
  readonly #session: EgressSession;
  readonly #send: Send;
  readonly #open = new Map<number, Connection>();
  #opened = 0;
  #allowance = { cost: IDLE_COST, at: performance.now() };

  constructor(session: EgressSession, send: Send) {
    this.#session = session;
    this.#send = send;
  }

  receive(header: unknown, body: Buffer): void {
    const frame = NetFrame.parse(header);
    if (frame.net !== "data" && body.length > 0) throw new InfrastructureError("a body too many");
    const connection = this.#open.get(frame.conn);
    if (frame.net === "open") this.#accept(frame.conn);
    else if (frame.conn > this.#opened) throw new InfrastructureError("no such connection");
    else if (connection !== undefined) connection.receive(frame, body);
    // what was under way when this end closed has nobody to take it
    else this.#charge(FRAME_COST + body.length);
  }

  /** Windows hold back what connections carry; what they do not bound is bounded here, or it would cost the factory. */
  #charge(cost: number): void {
    const now = performance.now();
    const { cost: left, at } = this.#allowance;
    const allowed = Math.min(IDLE_COST, left + (now - at) * IDLE_COST_PER_MS);
    this.#allowance = { cost: allowed - cost, at: now };
    if (allowed < cost) throw new InfrastructureError("its connections are a flood");
  }

  close(): void {
    for (const connection of this.#open.values()) connection.destroy();
  }

  #accept(conn: number): void {
    if (conn !== this.#opened + 1) throw new InfrastructureError("a connection out of turn");
    this.#opened = conn;
    this.#charge(OPEN_COST);
    // a client may open what it likes: one that is too many is refused, as by a busy server
    if (this.#open.size >= MAX_CONNECTIONS) {
      this.#send({ net: "close", conn });
      return;
    }
    const connection = new Connection((signal, body) => this.#send({ ...signal, conn }, body));
    this.#open.set(conn, connection);
    connection.on("error", () => {}).on("close", () => this.#open.delete(conn));
    this.#session.accept(connection);
  }
}
