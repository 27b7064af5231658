import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { ask, startEgress, startUpstream, type Upstream } from "../support/egress-rig.ts";

/** Stands for Debian's archive, which has one file. */
let debian: Upstream;
beforeAll(async () => {
  debian = await startUpstream(({ url }, response) => {
    if (url === "/debian/big")
      response.writeHead(200, { "content-type": "x/y" }).end(Buffer.alloc(600_000));
    else response.writeHead(404).end();
  });
});
afterAll(() => debian[Symbol.asyncDispose]());

it("does not wait for an upstream that answers with another protocol", async () => {
  await using upstream = await startUpstream((request) => {
    const head = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    request.socket.end(head);
  });
  await using rig = await startEgress({ ports: { 80: upstream.port } });
  expect((await ask(rig.port, "/debian/x")).status).toBe(502);
  expect(rig.requests).toMatchObject([{ outcome: "failed", detail: "it ended without an answer" }]);
});

it("counts what a packed answer unpacks to", async () => {
  await using upstream = await startUpstream((_, response) => {
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    response.writeHead(200, headers).end(gzipSync(Buffer.alloc(2_000_000)));
  });
  const acme = { name: "acme", kind: "npm", scopes: ["@acme"], placeholders: [] } as const;
  const registries = [{ ...acme, url: `http://127.0.0.1:${upstream.port}/npm/` }];
  await using rig = await startEgress({ registries, limits: { requestDownloadBytes: 500_000 } });
  await expect(ask(rig.port, "/acme/bomb")).rejects.toThrow();
  expect(rig.requests).toMatchObject([{ outcome: "refused", detail: "fetched too much" }]);
});

it("stops a download at its limit, and a session at its own", async () => {
  const ports = { 80: debian.port };
  const upTo = (n: number) => ({
    ports,
    limits: { requestDownloadBytes: n, downloadBytes: 1_000_000 },
  });
  await using small = await startEgress(upTo(500_000));
  await expect(ask(small.port, "/debian/big")).rejects.toThrow();
  await using whole = await startEgress(upTo(700_000));
  expect((await ask(whole.port, "/debian/big")).body.length).toBe(600_000);
  await expect(ask(whole.port, "/debian/big")).rejects.toThrow();
  expect(whole.requests.map((r) => r.outcome)).toEqual(["allowed", "refused"]);
});

it("lets paths carry out only so much", async () => {
  await using rig = await startEgress({
    ports: { 80: debian.port },
    limits: { uploadBytes: 1000 },
  });
  const statuses = [];
  for (let n = 0; n < 6; n++)
    statuses.push((await ask(rig.port, `/debian/${"s".repeat(300)}${n}`)).status);
  expect(statuses).toEqual([404, 404, 404, 403, 403, 403]);
});

it("ends a session that makes too many requests, and says so once", async () => {
  await using rig = await startEgress({ ports: { 80: debian.port }, limits: { requests: 3 } });
  for (let n = 0; n < 3; n++) await ask(rig.port, "/debian/none");
  await expect(ask(rig.port, "/debian/none")).rejects.toThrow();
  await expect(ask(rig.port, "/debian/none")).rejects.toThrow();
  expect(rig.requests.map((r) => r.outcome)).toEqual(["allowed", "allowed", "allowed", "refused"]);
});

it("gives up on an upstream that says nothing and on a sandbox that does not finish", async () => {
  await using silent = await startUpstream(() => {});
  await using rig = await startEgress({
    ports: { 80: silent.port },
    limits: { idleMs: 300, headMs: 300 },
  });
  expect((await ask(rig.port, "/debian/x")).status).toBe(502);
  expect(rig.requests).toMatchObject([{ outcome: "failed", detail: "nothing came for too long" }]);
  expect(await rig.raw("GET /debian/x HTTP/1.1\r\nX: slow")).toBe("");
});

it("holds no more connections than its limit", async () => {
  await using silent = await startUpstream(() => {});
  await using rig = await startEgress({ ports: { 80: silent.port }, limits: { connections: 2 } });
  const held = [1, 2].map(() => rig.raw("GET /debian/x HTTP/1.1\r\nHost: x\r\n\r\n"));
  await vi.waitFor(() => expect(rig.dialled.length).toBe(2));
  expect(await rig.raw("GET /debian/x HTTP/1.1\r\nHost: x\r\n\r\n")).toBe("");
  await rig.session[Symbol.asyncDispose]();
  await Promise.all(held);
  expect(rig.requests.map((r) => r.outcome)).toEqual(["failed", "failed"]);
});

it("answers no more requests at once than its limit, though one connection holds them", async () => {
  await using silent = await startUpstream(() => {});
  await using rig = await startEgress({ ports: { 80: silent.port }, limits: { connections: 3 } });
  const answer = rig.raw("GET /debian/x HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10));
  await vi.waitFor(() => expect(rig.requests.length).toBe(7));
  expect(rig.dialled.length).toBe(3);
  await rig.session[Symbol.asyncDispose]();
  await answer;
  expect(rig.requests.map((r) => r.outcome).sort()).toEqual([
    ...Array.from({ length: 3 }, () => "failed"),
    ...Array.from({ length: 7 }, () => "refused"),
  ]);
});
