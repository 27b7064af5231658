import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Connection } from "../../../sandboxes/supervisor/relay.mjs";
import { Relay } from "./relay.ts";

const KIB = 1024;
const WINDOW = 256 * KIB;
const nothing = Buffer.alloc(0);

/** Two ends of one connection, and how many bytes went over between them. */
const joined = () => {
  const sent = { near: 0, far: 0 };
  const near: Connection = new Connection((signal, body = nothing) => {
    sent.near += body.length;
    far.receive(signal, body);
  });
  const far: Connection = new Connection((signal, body = nothing) => {
    sent.far += body.length;
    near.receive(signal, body);
  });
  return { near, far, sent };
};

const lone = () => new Connection(() => {});
const data = (connection: Connection, size: number) =>
  connection.receive({ net: "data" }, Buffer.alloc(size));

describe("a relayed connection", () => {
  it("carries what is written both ways, and each end's end by itself", async () => {
    const { near, far } = joined();
    const [up, down] = [randomBytes(3000 * KIB), randomBytes(1000 * KIB)];
    near.end(up);
    const arrived = await buffer(far);
    expect(arrived.equals(up)).toBe(true);
    far.end(down);
    expect((await buffer(near)).equals(down)).toBe(true);
  });

  it("sends no more than its window while nobody reads, and goes on when somebody does", async () => {
    const { near, far, sent } = joined();
    near.end(Buffer.alloc(1000 * KIB));
    await turn();
    expect(sent.near).toBeGreaterThan(WINDOW / 2);
    expect(sent.near).toBeLessThanOrEqual(WINDOW);
    expect((await buffer(far)).length).toBe(1000 * KIB);
  });

  it("tells the other end when it is torn down", async () => {
    const { near, far } = joined();
    near.write("x");
    near.destroy();
    await turn();
    expect(far.destroyed).toBe(true);
  });

  it("takes no data beyond its window, however small the pieces", () => {
    const [large, small] = [lone(), lone()];
    for (let sent = 0; sent < 3; sent += 1) data(large, 64 * KIB);
    expect(() => data(large, 64 * KIB)).toThrow(/window/);
    for (let frames = 0; frames < 1024; frames += 1) data(small, 0);
    expect(() => data(small, 0)).toThrow(/window/);
  });

  it("takes no data and no end after the end, and no credit for what it never sent", () => {
    const ended = lone();
    ended.receive({ net: "end" }, nothing);
    expect(() => data(ended, 1)).toThrow(/after its connection's end/);
    expect(() => ended.receive({ net: "end" }, nothing)).toThrow(/ended twice/);
    expect(() => lone().receive({ net: "credit", bytes: 1 }, nothing)).toThrow(/never sent/);
  });
});

describe("the factory's side of a sandbox's connections", () => {
  const relay = () => {
    const accepted: Duplex[] = [];
    const sent: Record<string, unknown>[] = [];
    const session = {
      restoring: [],
      accept: (connection: Duplex) => void accepted.push(connection),
      async [Symbol.asyncDispose]() {},
    };
    return { accepted, sent, relay: new Relay(session, (header) => void sent.push(header)) };
  };

  it("refuses connections beyond the most it serves at a time, and serves more when some are gone", async () => {
    const { relay: side, accepted, sent } = relay();
    for (let conn = 1; conn <= 129; conn += 1) side.receive({ net: "open", conn }, nothing);
    expect(accepted.length).toBe(128);
    expect(sent).toEqual([{ net: "close", conn: 129 }]);
    accepted[0]?.destroy();
    await turn();
    side.receive({ net: "open", conn: 130 }, nothing);
    expect(accepted.length).toBe(129);
  });

  it("ignores what was under way to a connection that it closed", async () => {
    const { relay: side, accepted } = relay();
    side.receive({ net: "open", conn: 1 }, nothing);
    accepted[0]?.destroy();
    await turn();
    side.receive({ net: "data", conn: 1 }, Buffer.from("late"));
    side.receive({ net: "end", conn: 1 }, nothing);
    expect(accepted.length).toBe(1);
  });

  it.each([
    [{ net: "open", conn: 2 }],
    [{ net: "data", conn: 1 }],
    [{ net: "open", conn: 1, more: true }],
    [{ net: "credit", conn: 1, bytes: -1 }],
    [{ net: "open", conn: 0 }],
  ])("throws at %o, which no supervisor sends", (header) => {
    expect(() => relay().relay.receive(header, nothing)).toThrow();
  });

  it("bears what was under way on closed connections, and no flood of it", async () => {
    const { relay: side, accepted } = relay();
    const chunk = Buffer.alloc(64 * KIB);
    const late = (conn: number) => side.receive({ net: "data", conn }, chunk);
    for (let conn = 1; conn <= 100; conn += 1) side.receive({ net: "open", conn }, nothing);
    for (const connection of accepted) connection.destroy();
    await turn();
    for (let conn = 1; conn <= 100; conn += 1) for (let sent = 0; sent < 4; sent += 1) late(conn);
    expect(() => {
      for (let sent = 0; sent < 10_000; sent += 1) late(1);
    }).toThrow(/flood/);
  });

  it("bears no flood of connections that are opened and closed", () => {
    const { relay: side } = relay();
    expect(() => {
      for (let conn = 1; conn < 1_000_000; conn += 1) side.receive({ net: "open", conn }, nothing);
    }).toThrow(/flood/);
  });

  it("ends all of them when it is closed", async () => {
    const { relay: side, accepted } = relay();
    side.receive({ net: "open", conn: 1 }, nothing);
    side.close();
    await turn();
    expect(accepted[0]?.destroyed).toBe(true);
  });
});
