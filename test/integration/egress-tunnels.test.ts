import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as secure, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type Certificates, makeCertificates } from "../support/egress-certificates.ts";
import { dialFront, startEgress, startUpstream, startWitness } from "../support/egress-rig.ts";

const HOST = "listed.example";
let certificates: Certificates;
let upstream: Awaited<ReturnType<typeof startUpstream>>;
let witness: Awaited<ReturnType<typeof startWitness>>;
beforeAll(async () => {
  certificates = makeCertificates([HOST, "other.example"]);
  upstream = await startUpstream((request, response) => {
    request.on("data", () => {}).on("end", () => response.end(`you asked ${request.headers.host}`));
    if (request.url === "/much") for (let n = 0; n < 100; n++) response.write(Buffer.alloc(10_000));
  }, certificates);
  witness = await startWitness();
});
afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  await witness[Symbol.asyncDispose]();
});

const toUpstream = (options: Partial<Parameters<typeof startEgress>[0]> = {}) =>
  startEgress({ hosts: [HOST], ports: { 443: upstream.port }, ...options });
const toWitness = (options: Partial<Parameters<typeof startEgress>[0]> = {}) =>
  startEgress({
    hosts: [HOST],
    dial: () => connect(witness.port, "127.0.0.1"),
    limits: { headMs: 500 },
    ...options,
  });

/** A socket after the proxy's 200, with what it says before. */
const tunnel = async (port: number, authority = `${HOST}:443`): Promise<Socket> => {
  const socket = dialFront(port);
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  const [head] = await once(socket, "data");
  expect(String(head)).toMatch(/^HTTP\/1\.1 200 [^\r]*\r\n\r\n$/);
  return socket;
};

const encrypt = async (socket: Socket, servername: string | undefined): Promise<TLSSocket> => {
  const stream = secure({
    socket,
    ca: certificates.ca,
    ...(servername === undefined ? {} : { servername }),
    checkServerIdentity: () => undefined,
  });
  await once(stream, "secureConnect");
  return stream;
};

/** `once` would reject where the end is a reset. */
const closed = (stream: Socket): Promise<void> =>
  new Promise((resolve) => {
    stream.on("error", () => {}).resume();
    stream.once("close", () => resolve());
  });

const answerTo = async (stream: TLSSocket, request: string): Promise<string> => {
  let text = "";
  stream.on("data", (chunk) => {
    text += chunk;
  });
  stream.write(request);
  await closed(stream);
  return text;
};

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`;

it("carries TLS to a listed host, whatever the case of its name", async () => {
  await using rig = await toUpstream();
  const stream = await encrypt(await tunnel(rig.port, "LISTED.example:443"), HOST);
  expect(await answerTo(stream, get("/"))).toContain(`you asked ${HOST}`);
  await vi.waitFor(() => expect(rig.requests).toHaveLength(1));
  const [told] = rig.requests;
  expect(told).toMatchObject({
    ...{ phase: "setup", method: "CONNECT", host: HOST, path: "" },
    ...{ outcome: "allowed", detail: "tunnel" },
  });
  expect(told?.bytesUp).toBeGreaterThan(200);
  expect(told?.bytesDown).toBeGreaterThan(500);
});

it.each([
  ["another name", "other.example", /another server/],
  ["no name", undefined, /names no server/],
])("lets no byte through when TLS gives %s", async (_, servername, detail) => {
  await using rig = await toWitness();
  const before = witness.seen.bytes;
  await expect(encrypt(await tunnel(rig.port), servername)).rejects.toThrow();
  expect(rig.requests).toMatchObject([{ outcome: "refused", host: HOST, bytesUp: 0 }]);
  expect(rig.requests[0]?.detail).toMatch(detail);
  expect(witness.seen.bytes).toBe(before);
});

it.each([
  ["HTTP", "GET / HTTP/1.1\r\n\r\n", /not TLS/],
  ["SSH", "SSH-2.0-x\r\n", /not TLS/],
  ["an alert", "\x15\x03\x01\x00\x02\x01\x00", /not TLS/],
  ["a handshake that is no ClientHello", "\x16\x03\x01\x00\x04\x02\x00\x00\x00", /ClientHello/],
  ["a ClientHello without end", "\x16\x03\x01\x40\x00\x01\x01\x00\x00", /too long/],
  [
    "a ClientHello of rubbish",
    `\x16\x03\x01\x00\x2a\x01\x00\x00\x26${"\xff".repeat(38)}`,
    /malformed/,
  ],
  ["half a ClientHello", "\x16\x03\x01\x00\x40\x01\x00\x00\x3c", /no ClientHello/],
  ["nothing", "", /no ClientHello/],
])("lets no byte through when %s comes instead of TLS", async (_, bytes, detail) => {
  await using rig = await toWitness();
  const before = witness.seen.bytes;
  const socket = await tunnel(rig.port);
  socket.write(Buffer.from(bytes, "latin1"));
  await closed(socket);
  expect(rig.requests).toMatchObject([{ outcome: "refused", host: HOST, bytesUp: 0 }]);
  expect(rig.requests[0]?.detail).toMatch(detail);
  expect(witness.seen.bytes).toBe(before);
});

it("connects to no address inside, however often the name is asked", async () => {
  const answers = [["8.8.4.4"], ["127.0.0.1"], ["8.8.4.4", "10.0.0.1"]];
  await using rig = await toUpstream({ resolve: async () => answers.shift() ?? [] });
  const stream = await encrypt(await tunnel(rig.port), HOST);
  await answerTo(stream, get("/"));
  const connectTo = `CONNECT ${HOST}:443 HTTP/1.1\r\n\r\n`;
  expect(await rig.raw(connectTo)).toMatch(/^HTTP\/1\.1 403 [\s\S]*127\.0\.0\.1/);
  expect(await rig.raw(connectTo)).toMatch(/^HTTP\/1\.1 403 [\s\S]*10\.0\.0\.1/);
  expect(rig.dialled).toEqual([{ addresses: ["8.8.4.4"], port: 443 }]);
});

it("ends a tunnel that carries out too much, or in", async () => {
  await using out = await toUpstream({ limits: { requestUploadBytes: 20_000 } });
  const up = await encrypt(await tunnel(out.port), HOST);
  const post = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n${"s".repeat(99_999)}`;
  expect(await answerTo(up, post)).toBe("");
  expect(out.requests).toMatchObject([{ outcome: "refused", detail: "sent too much" }]);
  await using into = await toUpstream({ limits: { requestDownloadBytes: 20_000 } });
  const down = await encrypt(await tunnel(into.port), HOST);
  expect((await answerTo(down, get("/much"))).length).toBeLessThan(40_000);
  expect(into.requests).toMatchObject([{ outcome: "refused", detail: "fetched too much" }]);
});

it("ends a tunnel in which nothing moves, and one whose session ends", async () => {
  await using rig = await toUpstream({ limits: { idleMs: 300 } });
  const idle = await encrypt(await tunnel(rig.port), HOST);
  await closed(idle);
  expect(rig.requests).toMatchObject([{ outcome: "failed", detail: "nothing came for too long" }]);
  await using other = await toUpstream();
  const open = await encrypt(await tunnel(other.port), HOST);
  const ended = closed(open);
  await other.session[Symbol.asyncDispose]();
  await ended;
  expect(other.requests).toMatchObject([{ outcome: "failed" }]);
});

it("says so when a listed host is down", async () => {
  await using rig = await startEgress({ hosts: [HOST] });
  const answer = await rig.raw(`CONNECT ${HOST}:443 HTTP/1.1\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 502 [\s\S]*listed\.example could not be reached/);
  expect(rig.requests).toMatchObject([{ outcome: "failed", host: HOST }]);
});
