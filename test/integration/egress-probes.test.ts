import { connect } from "node:net";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { startEgress, startWitness } from "../support/egress-rig.ts";

/**
 * What a hostile sandbox asks of the proxy. Wherever a connection would go, it goes to one honest listener on
 * loopback, which must see no byte; each probe leaves exactly one record.
 */
const HOST = "listed.example";
const get = (url: string, headers = "Host: x") => `GET ${url} HTTP/1.1\r\n${headers}\r\n\r\n`;
const to = (authority: string) => `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
const send = (method: string, url: string, body = "secret") =>
  `${method} ${url} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const probes: [id: string, request: string, detail: RegExp][] = [
  ["CONNECT to an address", to("93.184.216.34:443"), /address/],
  ["CONNECT to loopback", to("127.0.0.1:443"), /address/],
  ["CONNECT to a cloud's metadata", to("169.254.169.254:443"), /address/],
  ["CONNECT to the metadata's name", to("metadata.google.internal:443"), /private network/],
  ["CONNECT to a decimal address", to("2130706433:443"), /address/],
  ["CONNECT to a hexadecimal address", to("0x7f000001:443"), /address/],
  ["CONNECT to an octal address", to("0177.0.0.1:443"), /address/],
  ["CONNECT to a short address", to("127.1:443"), /address/],
  ["CONNECT to hexadecimal parts", to("0x7f.0.0.0x1:443"), /address/],
  ["CONNECT to IPv6 loopback", to("[::1]:443"), /needs host:443/],
  ["CONNECT to a mapped address", to("[::ffff:169.254.169.254]:443"), /needs host:443/],
  ["CONNECT to localhost", to("localhost:443"), /no dot/],
  ["CONNECT to a name under localhost", to("x.localhost:443"), /private network/],
  ["CONNECT with a dot at the end", to(`${HOST}.:443`), /no host name/],
  ["CONNECT with a NUL", to(`${HOST}\0.evil.example:443`), /malformed/],
  ["CONNECT with an encoded NUL", to(`evil.example%00.${HOST}:443`), /no host name/],
  ["CONNECT with a name in front", to(`evil.example@${HOST}:443`), /more than a host/],
  ["CONNECT with a password", to(`user:pass@${HOST}:443`), /needs host:443/],
  ["CONNECT to another port", to(`${HOST}:22`), /only 443/],
  ["CONNECT to port 80", to(`${HOST}:80`), /only 443/],
  ["CONNECT without a port", to(HOST), /needs host:443/],
  ["CONNECT to port 4294967739", to(`${HOST}:4294967739`), /needs host:443/],
  ["CONNECT to a name below a listed one", to(`x.${HOST}:443`), /not listed/],
  ["CONNECT to a name that ends alike", to(`evil${HOST}:443`), /not listed/],
  ["CONNECT to a name that begins alike", to(`${HOST}.evil.example:443`), /not listed/],
  ["CONNECT to a homograph", to("xn--lsted-n2a.example:443"), /not listed/],
  ["CONNECT to a registry that is not listed", to("registry.npmjs.org:443"), /not listed/],
  ["CONNECT to a whole domain", to("*.example:443"), /pattern/],
  ["CONNECT with spaces", to(`${HOST} evil.example:443`), /malformed/],
  ["CONNECT to nothing", to(":443"), /no host name/],
  ["plain HTTP to loopback", get("http://127.0.0.1/", "Host: 127.0.0.1"), /address/],
  ["plain HTTP to loopback's Redis", get("http://127.0.0.1:6379/", "Host: x"), /address/],
  ["plain HTTP to metadata", get("http://169.254.169.254/latest/meta-data/"), /address/],
  ["plain HTTP to IPv6", get("http://[fd00:ec2::254]/", "Host: [fd00:ec2::254]"), /host/],
  [
    "plain HTTP to a host not listed",
    get("http://evil.example/", "Host: evil.example"),
    /not listed/,
  ],
  ["plain HTTP with another Host", get(`http://${HOST}/`, "Host: evil.example"), /Host header/],
  ["plain HTTP with a user", get(`http://${HOST}@evil.example/`, "Host: x"), /more than a host/],
  ["plain HTTP with a backslash", get(`http://${HOST}\\@evil.example/`), /malformed/],
  ["plain HTTP to another port", get(`http://${HOST}:6379/`, `Host: ${HOST}`), /80 only/],
  [
    "plain HTTP by POST",
    send("POST", `http://${HOST}/`).replace("Host: x", `Host: ${HOST}`),
    /read-only/,
  ],
  ["https without CONNECT", get(`https://${HOST}/`, `Host: ${HOST}`), /CONNECT/],
  ["another scheme", get(`ftp://${HOST}/`, `Host: ${HOST}`), /not let through/],
  ["a file of the host", get("file:///etc/passwd"), /not let through/],
  ["publishing a package", send("PUT", "/npm/left-pad"), /read-only/],
  ["asking npm for an audit", send("POST", "/npm/-/npm/v1/security/advisories/bulk"), /read-only/],
  ["deleting a package", send("DELETE", "/npm/left-pad/-rev/1"), /read-only/],
  ["a GET with a body", send("GET", "/npm/left-pad"), /body/],
  ["a path that climbs", get("/npm/../pypi/simple/"), /malformed/],
  ["a path that climbs, encoded", get("/npm/%2e%2e/x"), /malformed/],
  ["a path that climbs behind a parameter", get("/npm/..;/..;/x"), /malformed/],
  ["a path that climbs behind an encoded parameter", get("/npm/%2e%2e;a=b/x"), /malformed/],
  ["a path of overlong dots", get("/npm/%c0%ae%c0%ae/x"), /malformed/],
  ["a path with an encoded control character", get("/npm/.%09./x"), /malformed/],
  ["a path that climbs, encoded twice", get("/npm/%252e%252e%252fx"), /malformed/],
  ["a query to a public registry", get("/npm/-/v1/search?text=secret"), /query/],
  ["a registry that does not exist", get("/evil/x"), /no such registry/],
  ["an endless path", get(`/npm/${"a".repeat(5000)}`), /too long/],
  ["a head that is too large", get("/npm/x", `X: ${"a".repeat(20_000)}`), /HPE_HEADER_OVERFLOW/],
  ["TLS without CONNECT", `\x16\x03\x01\x02\x00${"a".repeat(100)}\r\n\r\n`, /malformed/],
  [
    "two lengths",
    `GET /npm/x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx`,
    /malformed/,
  ],
  ["an expectation", send("PUT", "/npm/x").replace("Host: x", "Expect: magic"), /read-only/],
  [
    "an upgrade",
    get(`http://evil.example/`, "Upgrade: websocket\r\nConnection: upgrade"),
    /not listed/,
  ],
];

let witness: Awaited<ReturnType<typeof startWitness>>;
let rig: Awaited<ReturnType<typeof startEgress>>;
beforeAll(async () => {
  witness = await startWitness();
  rig = await startEgress({
    hosts: [HOST],
    dial: () => connect(witness.port, "127.0.0.1"),
    limits: { headMs: 2000 },
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await witness[Symbol.asyncDispose]();
});

it.each(probes)("%s reaches nobody and is told", async (_, request, detail) => {
  const before = rig.requests.length;
  const answer = await rig.raw(request);
  expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
  const [told, ...more] = rig.requests.slice(before);
  expect(told).toMatchObject({ phase: "setup", outcome: "refused", bytesDown: 0 });
  expect(told?.detail).toMatch(detail);
  expect(`${told?.host}${told?.path}${told?.detail}`).toMatch(/^[\x20-\x7e]*$/);
  expect(more).toEqual([]);
  expect(witness.seen).toEqual({ connections: 0, bytes: 0 });
});

it("tells which line would let a host through", async () => {
  expect(await rig.raw(to("evil.example:443"))).toContain(
    "not listed: add evil.example to sandbox.network.setup in headrace.yaml (and run with --allow-repo-config), " +
      "or to network.setup in config.yaml of the data directory",
  );
});

it("keeps credentials out of what it tells", async () => {
  const before = rig.requests.length;
  await rig.raw(to("user:hunter2@evil.example:443"));
  await rig.raw(get("http://user:hunter2@evil.example/?token=hunter2"));
  expect(JSON.stringify(rig.requests.slice(before))).not.toContain("hunter2");
});

it("has a witness that would have seen a byte", async () => {
  const answer = rig.raw(get(`http://${HOST}/`, `Host: ${HOST}`));
  await vi.waitFor(() => expect(witness.seen.bytes).toBeGreaterThan(0));
  await rig.session[Symbol.asyncDispose]();
  expect(await answer).toBe("");
  expect(rig.requests.at(-1)).toMatchObject({ host: HOST, outcome: "failed" });
});
