import { type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import type { Reach } from "./addresses.ts";
import { courseOf } from "./python-projects.ts";
import type { Endpoint } from "./registries.ts";
import type { Origin, Upstreams } from "./upstreams.ts";

/** One request that the factory makes itself, in a sandbox's stead. */
export type Errand = {
  method: "GET" | "HEAD";
  url: URL;
  reach: Reach;
  authorization?: string | undefined;
  headers: OutgoingHttpHeaders;
};

export type Fetched =
  | { kind: "answer"; answer: IncomingMessage }
  | { kind: "refused"; host: string; reason: string };

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

const UNLISTED = "a host that is not listed";
const FOREIGN = "where that package does not come from";

/** Fetches, following redirects where `follow` lets them lead, if it is given. Rejects with the network's error. */
export const fetchFollowing = async (
  upstreams: Upstreams,
  first: Errand,
  follow: ReturnType<typeof redirectsOf> | undefined,
  signal: AbortSignal,
): Promise<Fetched> => {
  let errand = first;
  for (let hops = 0; ; hops++) {
    const answer = await send(upstreams, errand, signal);
    const { location } = answer.headers;
    const redirected = REDIRECTS.has(answer.statusCode ?? 0) && location !== undefined;
    if (!redirected || follow === undefined) return { kind: "answer", answer };
    answer.destroy();
    const to = URL.parse(location, errand.url.href);
    const host = to?.host ?? "";
    const allowed = to === null || to.username !== "" ? UNLISTED : follow(to);
    if (to === null || typeof allowed === "string")
      return { kind: "refused", host, reason: `redirected to ${allowed}` };
    if (hops === MAX_REDIRECTS) return { kind: "refused", host, reason: "redirected too often" };
    const { method, headers } = errand;
    errand = { method, headers, url: to, ...allowed };
  }
};

/** Which redirects of an endpoint are followed, and with what, or why not; its credential stays within its prefix. */
export const redirectsOf =
  (endpoint: Endpoint, all: Iterable<Endpoint>, hosts: readonly string[]) =>
  (to: URL): Pick<Errand, "reach" | "authorization"> | string => {
    const { reach, authorization } = endpoint;
    const endpoints = [...all];
    // an index that passes on what it lacks to PyPI is not followed with a name that is its own
    const foreign = endpoints.some((other) => {
      const path = isUnder(to, other.base) ? to.pathname.slice(pathLength(other.base)) : undefined;
      return path !== undefined && courseOf(other, path, endpoints).kind !== "here";
    });
    if (foreign) return FOREIGN;
    if (isUnder(to, endpoint.base)) return { reach, authorization };
    if (to.origin === new URL(endpoint.base).origin) return { reach };
    const others = endpoints.filter((other) => other.reach !== "any");
    const known = [
      ...others.flatMap((other) => [other.base, ...other.aliases]),
      ...endpoint.redirects,
    ];
    if (known.some((base) => isUnder(to, base))) return { reach: "elsewhere" };
    const listed = to.protocol === "https:" && to.port === "" && hosts.includes(to.hostname);
    return listed ? { reach: "public" } : UNLISTED;
  };

const pathLength = (base: string): number => new URL(base).pathname.replace(/\/$/, "").length;

const isUnder = ({ href }: URL, base: string): boolean => {
  const prefix = new URL(base).href.replace(/\/$/, "");
  return href === prefix || href.startsWith(`${prefix}/`);
};

/** A connection that was kept alive may have ended meanwhile: that is tried once more. */
const send = async (
  upstreams: Upstreams,
  errand: Errand,
  signal: AbortSignal,
): Promise<IncomingMessage> => {
  for (let again = true; ; again = false) {
    const outgoing = begin(upstreams, errand, signal);
    const answer = Promise.withResolvers<IncomingMessage>();
    outgoing.once("response", answer.resolve);
    // stays: what is aborted later tells its error here too
    outgoing.on("error", answer.reject);
    // an answer that is none, as a change of protocols nobody asked for, is told no other way
    outgoing.once("close", () => answer.reject(new Error("it ended without an answer")));
    outgoing.end();
    try {
      return await answer.promise;
    } catch (error) {
      if (!again || !outgoing.reusedSocket || signal.aborted) throw error;
    }
  }
};

const begin = (upstreams: Upstreams, errand: Errand, signal: AbortSignal) => {
  const { url, reach, authorization, method } = errand;
  return request({
    method,
    agent: upstreams.agent(originOf(url, reach)),
    path: `${url.pathname}${url.search}`,
    headers: {
      ...errand.headers,
      host: url.host,
      ...(authorization === undefined ? {} : { authorization }),
    },
    signal,
  });
};

const originOf = (url: URL, reach: Reach): Origin => {
  const tls = url.protocol === "https:";
  const port = url.port === "" ? (tls ? 443 : 80) : Number(url.port);
  return { tls, host: url.hostname.replace(/^\[|\]$/g, ""), port, reach };
};
