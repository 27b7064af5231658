import type { IncomingHttpHeaders } from "node:http";
import { duplexPair } from "node:stream";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import type { PrivateRegistry } from "@headrace/sandbox";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeCertificates } from "../support/egress-certificates.ts";
import { ask, PUBLIC, startEgress, startUpstream, type Upstream } from "../support/egress-rig.ts";

/** Stands for the public registries: what it answers is written per path by the test that asks. */
type Page = { status?: number; headers?: Record<string, string | number>; body?: string | Buffer };
const pages = new Map<string, Page>();
const asked: { url: string; headers: IncomingHttpHeaders }[] = [];
const LISTED = "files.example";
const ACME = { kind: "npm", scopes: ["@acme"], placeholders: [] } as const;

let secure: Upstream;
let plain: Upstream;
let rig: Awaited<ReturnType<typeof startEgress>>;
const addresses = new Map<string, readonly string[]>();
const acme = (): PrivateRegistry => {
  const url = `http://127.0.0.1:${plain.port}/acme/npm/`;
  return { ...ACME, name: "acme", url, authorization: "Bearer canary-4711" };
};

beforeAll(async () => {
  const certificates = makeCertificates([
    ...["registry.npmjs.org", "pypi.org", "files.pythonhosted.org", "index.crates.io"],
    ...["proxy.golang.org", "storage.googleapis.com", LISTED],
  ]);
  const serve: Parameters<typeof startUpstream>[0] = (request, response) => {
    const { url = "", headers } = request;
    asked.push({ url, headers });
    const page = pages.get(`${headers.host?.replace(/:\d+$/, "")}${url}`) ?? pages.get(url);
    const { status = 200, headers: answered = {}, body = "" } = page ?? { status: 404 };
    response.writeHead(status, answered).end(body);
  };
  secure = await startUpstream(serve, certificates);
  plain = await startUpstream(serve);
  rig = await startEgress({
    ca: certificates.ca,
    hosts: [LISTED],
    ports: { 443: secure.port, 80: plain.port },
    registries: [acme()],
    resolve: async (host) => addresses.get(host) ?? [PUBLIC],
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await secure[Symbol.asyncDispose]();
  await plain[Symbol.asyncDispose]();
});

const json = (body: string): Page => ({ headers: { "content-type": "application/json" }, body });
const redirect = (location: string): Page => ({ status: 302, headers: { location } });
const lastAsked = () => asked.at(-1)?.headers ?? {};
const lastTold = () => rig.requests.at(-1);

it("serves a package's document with its archive's address turned to the endpoint", async () => {
  const document = (base: string) => `{"dist":{"tarball":"${base}/a/-/a-1.tgz"},"é":"ä"}`;
  pages.set("registry.npmjs.org/@s%2fa", json(document("https://registry.npmjs.org")));
  const { status, body } = await ask(rig.port, "/npm/@s%2fa");
  expect([status, body]).toEqual([200, document("http://127.0.0.1:3128/npm")]);
  expect(lastTold()).toMatchObject({
    ...{ phase: "setup", method: "GET", host: "registry.npmjs.org", path: "/@s%2fa" },
    ...{
      outcome: "allowed",
      detail: "200",
      bytesDown: document("https://registry.npmjs.org").length + 2,
    },
  });
});

it("turns addresses that lie across chunks, and those of a packed answer", async () => {
  const urls = (base: string) => `"${base}/x" `.repeat(20_000);
  const body = gzipSync(urls("https://registry.npmjs.org"));
  const headers = { "content-type": "application/json", "content-encoding": "gzip" };
  pages.set("/packed", { headers, body });
  expect((await ask(rig.port, "/npm/packed")).body).toBe(urls("http://127.0.0.1:3128/npm"));
});

it("leaves the bytes of an archive alone", async () => {
  const body = Buffer.from("\x1f\x8b https://registry.npmjs.org/x \xff", "latin1");
  const headers = { "content-type": "application/octet-stream", "content-length": body.length };
  pages.set("/a/-/a-1.tgz", { headers, body });
  const response = await fetch(`http://127.0.0.1:${rig.port}/npm/a/-/a-1.tgz`);
  expect(Buffer.from(await response.arrayBuffer())).toEqual(body);
  expect(response.headers.get("content-length")).toBe(String(body.length));
});

it("turns links of a Python index and the download address of crates", async () => {
  const link = (base: string) => `<a href="${base}/packages/a.whl#sha256=1">a</a>`;
  const html = {
    headers: { "content-type": "text/html" },
    body: link("https://files.pythonhosted.org"),
  };
  pages.set("pypi.org/simple/a/", html);
  pages.set("index.crates.io/config.json", json('{"dl":"https://static.crates.io/crates"}'));
  const index = await ask(rig.port, "/pypi/simple/a/");
  expect(index.body).toBe(link("http://127.0.0.1:3128/pypi-files"));
  const crates = await ask(rig.port, "/crates/config.json");
  expect(crates.body).toBe('{"dl":"http://127.0.0.1:3128/crates-dl/crates"}');
});

it("carries nothing of a sandbox's headers that could be an account's", async () => {
  pages.set("/keys", json("{}"));
  const stolen = ["authorization", "cookie", "npm-otp", "npm-session", "x-api-key", "referer"];
  const headers = Object.fromEntries(stolen.map((name) => [name, "attacker"]));
  await ask(rig.port, "/npm/keys", { headers: { ...headers, "if-none-match": '"1"' } });
  expect(lastAsked()).toEqual({
    ...{ host: "registry.npmjs.org", connection: "keep-alive", "if-none-match": '"1"' },
    ...{ accept: "*/*", "accept-encoding": "identity", "user-agent": "headrace" },
  });
});

it("adds a private registry's credential to exactly that registry", async () => {
  pages.set("/acme/npm/@acme%2fa?x=1", json("{}"));
  expect((await ask(rig.port, "/acme/@acme%2fa?x=1")).status).toBe(200);
  expect(lastAsked().authorization).toBe("Bearer canary-4711");
  pages.set("registry.npmjs.org/a", json("{}"));
  await ask(rig.port, "/npm/a");
  expect(lastAsked().authorization).toBeUndefined();
  expect(JSON.stringify(rig.requests)).not.toMatch(/canary|x=1/);
});

it.each([
  ["its own prefix", () => `http://127.0.0.1:${plain.port}/acme/npm/ok`, "Bearer canary-4711"],
  ["another path of its host", () => `http://127.0.0.1:${plain.port}/ok`, undefined],
  ["a public registry", () => "https://registry.npmjs.org/ok", undefined],
  ["a listed host", () => `https://${LISTED}/ok`, undefined],
])("follows a private registry to %s, its credential only there", async (_, where, key) => {
  pages.set("/acme/npm/moved", redirect(where()));
  for (const path of ["/acme/npm/ok", "/ok"]) pages.set(path, json('"ok"'));
  expect(await ask(rig.port, "/acme/moved")).toMatchObject({ status: 200, body: '"ok"' });
  expect(lastAsked().authorization).toBe(key);
});

it.each([
  ["a host that is not listed", "https://evil.example/x", "evil.example"],
  ["a listed host by plain HTTP", `http://${LISTED}/x`, LISTED],
  ["a listed host's other port", `https://${LISTED}:8443/x`, `${LISTED}:8443`],
  ["an address", "https://93.184.216.34/x", "93.184.216.34"],
  ["metadata", "http://169.254.169.254/latest", "169.254.169.254"],
  ["a name with a user", `https://u:p@${LISTED}/x`, LISTED],
  ["a file", "file:///etc/passwd", ""],
  [
    "a bucket beside the one that Go uses",
    "https://storage.googleapis.com/evil/x",
    "storage.googleapis.com",
  ],
  ["a private registry", "PRIVATE", "127.0.0.1"],
])("does not follow a public registry to %s", async (_, location, host) => {
  const to = location === "PRIVATE" ? acme().url : location;
  pages.set("registry.npmjs.org/moved", redirect(to));
  const before = asked.length;
  const { status, headers } = await ask(rig.port, "/npm/moved");
  expect([status, headers.get("location"), asked.length]).toEqual([403, null, before + 1]);
  expect(lastTold()).toMatchObject({
    outcome: "refused",
    detail: expect.stringContaining("redirected"),
  });
  expect(lastTold()?.host).toContain(host);
});

it("follows Go's archives to their bucket, and nobody in a circle", async () => {
  const bucket = "/proxy-golang-org-prod/1.zip?Signature=1";
  pages.set("proxy.golang.org/m/@v/1.zip", redirect(`https://storage.googleapis.com${bucket}`));
  pages.set(`storage.googleapis.com${bucket}`, { body: "zip" });
  expect(await ask(rig.port, "/go/m/@v/1.zip")).toMatchObject({ status: 200, body: "zip" });
  pages.set("registry.npmjs.org/round", redirect("/round"));
  expect((await ask(rig.port, "/npm/round")).status).toBe(403);
  expect(lastTold()?.detail).toBe("redirected too often");
});

it("does not trust a name whose certificate is another's", async () => {
  expect(await ask(rig.port, "/crates-dl/crates/a")).toMatchObject({ status: 502 });
  expect(lastTold()).toMatchObject({ host: "static.crates.io", outcome: "failed" });
});

it("refuses a name that resolves to an address inside, at any connection", async () => {
  const plainly = `GET http://${LISTED}/rebound HTTP/1.1\r\nHost: ${LISTED}\r\nConnection: close\r\n\r\n`;
  pages.set(`${LISTED}/rebound`, { body: "outside", headers: { connection: "close" } });
  expect(await rig.raw(plainly)).toContain("outside");
  for (const inside of [["10.0.0.1"], [PUBLIC, "127.0.0.1"], ["::ffff:169.254.169.254"], []]) {
    addresses.set(LISTED, inside);
    const before = rig.dialled.length;
    expect(await rig.raw(plainly)).toMatch(/^HTTP\/1.1 (?:403|502)/);
    expect(rig.dialled.length).toBe(before);
  }
  addresses.set(LISTED, ["10.0.0.1"]);
  const why = `HTTP/1.1 403 Forbidden: ${LISTED} resolves to 10.0.0.1, which is not a public address\r\n`;
  expect(await rig.raw(plainly)).toContain(why);
  expect(await rig.raw(`CONNECT ${LISTED}:443 HTTP/1.1\r\n\r\n`)).toContain(why);
  addresses.set("registry.npmjs.org", ["127.0.0.1"]);
  pages.set("registry.npmjs.org/inside", json("{}"));
  const fresh = await startEgress({ resolve: async () => ["127.0.0.1"] });
  expect((await ask(fresh.port, "/npm/inside")).status).toBe(403);
  expect(fresh.dialled).toEqual([]);
  await fresh[Symbol.asyncDispose]();
  addresses.clear();
});

it("says what is wrong when an upstream is down", async () => {
  await using down = await startEgress({ registries: [], ports: { 443: 1 } });
  const { status, body } = await ask(down.port, "/npm/a");
  expect(status).toBe(502);
  expect(body).toMatch(/^registry\.npmjs\.org could not be reached: .*ECONNREFUSED/);
  expect(down.requests).toMatchObject([{ outcome: "failed", host: "registry.npmjs.org" }]);
});

it("serves apt through the proxy and follows nothing for it", async () => {
  pages.set("deb.debian.org/debian/x", { ...redirect("http://evil.example/"), body: "" });
  const answer = await rig.raw(
    "GET http://deb.debian.org/debian/x HTTP/1.1\r\nHost: deb.debian.org\r\nConnection: close\r\n\r\n",
  );
  expect(answer).toMatch(/^HTTP\/1.1 302 [\s\S]*location: http:\/\/evil\.example/);
  expect(lastTold()).toMatchObject({
    host: "deb.debian.org",
    path: "/debian/x",
    outcome: "allowed",
  });
});

it("answers a client that asks the proxy for the proxy", async () => {
  pages.set("registry.npmjs.org/self", json('"self"'));
  const self =
    "GET http://127.0.0.1:3128/npm/self HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  expect(await rig.raw(self)).toContain('"self"');
});

it("serves a stream that is no socket, as a relay is", async () => {
  pages.set("registry.npmjs.org/relayed", json('"relayed"'));
  const [near, far] = duplexPair();
  rig.session.accept(far);
  near.write("GET /npm/relayed HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  expect(await text(near)).toMatch(/^HTTP\/1\.1 200 [\s\S]*"relayed"/);
  const [client, tunnel] = duplexPair();
  rig.session.accept(tunnel);
  client.write("CONNECT evil.example:443 HTTP/1.1\r\n\r\n");
  expect(await text(client)).toMatch(/^HTTP\/1\.1 403 [\s\S]*add evil\.example/);
});
