import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { ByteCapError } from "./exchange.ts";
import { type Errand, fetchFollowing, redirectsOf } from "./fetch.ts";
import { courseOf } from "./python-projects.ts";
import { notListed, refuse, type Scope, type Served } from "./refuse.ts";
import { type Endpoint, endpointUrl, PLAIN_MIRRORS } from "./registries.ts";
import { answerRewriter } from "./rewrite.ts";
import type { Target } from "./target.ts";

/** Headers of a sandbox that reach an upstream; none can carry an account's key. */
const ASKED = ["accept", "if-none-match", "if-modified-since", "if-range", "range"] as const;
const MAX_HEADER = 500;

const ANSWERED = [
  "accept-ranges",
  "age",
  "cache-control",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "date",
  "etag",
  "expires",
  "last-modified",
  "location",
  "retry-after",
] as const;

/** Serves a GET or HEAD of a registry's endpoint, or of a listed host by plain HTTP. */
export const forward = async (
  scope: Scope,
  served: Served,
  target: Extract<Target, { kind: "endpoint" | "plain" }>,
): Promise<void> => {
  const { method = "", headers } = served.incoming;
  if (method !== "GET" && method !== "HEAD")
    return refuse(served, `${method} is not forwarded: registries and plain HTTP are read-only`);
  if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0)
    return refuse(served, "a request with a body is not forwarded");
  return target.kind === "endpoint"
    ? fromEndpoint(scope, served, { ...target, method })
    : fromHost(scope, served, { ...target, method });
};

type Asked = { method: Errand["method"]; path: string; query: string };

const fromEndpoint = (scope: Scope, served: Served, asked: Asked & { name: string }) => {
  const { exchange } = served;
  const endpoint = scope.endpoints.get(asked.name);
  exchange.path = endpoint === undefined ? `/${asked.name}${asked.path}` : asked.path;
  if (endpoint === undefined)
    return refuse(served, `no such registry: there are ${[...scope.endpoints.keys()].join(", ")}`);
  const course = courseOf(endpoint, asked.path, scope.endpoints.values());
  const { base } = course.kind === "there" ? course.place : endpoint;
  exchange.host = new URL(base).host;
  if (course.kind === "nowhere") return refuse(served, course);
  if (course.kind === "there")
    return sendTo(served, `${endpointUrl(course.place.name)}${course.path}`);
  if (asked.query !== "" && !endpoint.query)
    return refuse(served, "query strings do not go to public registries");
  const { reach, authorization } = endpoint;
  const url = new URL(`${endpoint.base}${asked.path}${asked.query}`);
  const errand = {
    method: asked.method,
    url,
    reach,
    authorization,
    headers: askedOf(served, asked),
  };
  const follow = redirectsOf(endpoint, scope.endpoints.values(), scope.grant.hosts);
  return answer(scope, served, { errand, follow, endpoint });
};

/** The client goes there itself, so that links on the page it gets lead on from where the page is. */
const sendTo = ({ exchange, response }: Served, location: string): void => {
  exchange.end("allowed", "307");
  response.writeHead(307, { location, "content-length": 0 }).end();
};

const fromHost = (scope: Scope, served: Served, asked: Asked & { host: string }) => {
  const { exchange } = served;
  exchange.host = asked.host;
  exchange.path = asked.path;
  const listed = scope.grant.hosts.includes(asked.host);
  if (!listed && (asked.query !== "" || !PLAIN_MIRRORS.includes(asked.host)))
    return refuse(served, notListed(asked.host, scope));
  const url = new URL(`http://${asked.host}${asked.path}${asked.query}`);
  const reach = listed ? ("public" as const) : ("elsewhere" as const);
  const errand = { method: asked.method, url, reach, headers: askedOf(served, asked) };
  return answer(scope, served, { errand });
};

const askedOf = ({ incoming, exchange }: Served, { path, query }: Asked): OutgoingHttpHeaders => {
  const kept = ASKED.flatMap((name) => {
    const value = incoming.headers[name];
    return value === undefined || value.length > MAX_HEADER ? [] : [[name, value] as const];
  });
  exchange.sent(
    kept.reduce((n, [name, value]) => n + name.length + value.length, path.length + query.length),
  );
  return { ...Object.fromEntries(kept), "accept-encoding": "identity", "user-agent": "headrace" };
};

type Plan = {
  errand: Errand;
  /** absent: redirects are the client's to follow, with a request of its own */
  follow?: ReturnType<typeof redirectsOf>;
  endpoint?: Endpoint;
};

const answer = async (scope: Scope, served: Served, plan: Plan): Promise<void> => {
  const { exchange, response } = served;
  const idle = new AbortController();
  const timer = setTimeout(
    () => idle.abort(new Error("nothing came for too long")),
    scope.limits.idleMs,
  );
  response.once("close", () => {
    if (!response.writableFinished) idle.abort(new Error("the sandbox hung up"));
  });
  const signal = AbortSignal.any([scope.signal, idle.signal]);
  try {
    const fetched = await fetchFollowing(scope.upstreams, plan.errand, plan.follow, signal);
    if (fetched.kind === "refused") {
      if (fetched.host !== "") exchange.host = fetched.host;
      return await refuse(served, fetched.reason);
    }
    const counted = counter((bytes) => {
      timer.refresh();
      exchange.received(bytes);
    });
    await relay(fetched.answer, { scope, response, plan, counted });
    exchange.end("allowed", String(fetched.answer.statusCode));
  } catch (error) {
    // ending an answer midway also looks like the sandbox hanging up
    throw signal.aborted && !(error instanceof ByteCapError) ? signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
};

type Relay = { scope: Scope; response: ServerResponse; plan: Plan; counted: Transform };

const relay = (
  upstream: IncomingMessage,
  { scope, response, plan: { endpoint, errand }, counted }: Relay,
): Promise<void> => {
  const { headers, statusCode: status = 502 } = upstream;
  const type = headers["content-type"] ?? "";
  const path = errand.url.href.slice(endpoint?.base.length);
  const rewriter =
    endpoint === undefined || status !== 200
      ? undefined
      : answerRewriter(endpoint, scope.rules, { path, type });
  const packed = rewriter !== undefined && headers["content-encoding"] === "gzip";
  const kept = ANSWERED.flatMap((name) => {
    const gone =
      (rewriter !== undefined && name === "content-length") ||
      (packed && name === "content-encoding");
    const value = headers[name];
    return gone || value === undefined ? [] : [[name, value] as const];
  });
  response.writeHead(status, Object.fromEntries(kept));
  const stages = [
    ...(packed && errand.method === "GET" ? [createGunzip()] : []),
    // what is unpacked counts, or a small answer would be a large one
    counted,
    ...(rewriter === undefined ? [] : [rewriter]),
  ];
  return pipeline([upstream, ...stages, response]);
};

const counter = (count: (bytes: number) => void): Transform =>
  new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        count(chunk.length);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
