import { hostProblem, PROXY_PORT } from "@headrace/domain";

/** What a sandbox asked for, taken from the request line alone. */
export type Target =
  | { kind: "endpoint"; name: string; path: string; query: string }
  | { kind: "plain"; host: string; path: string; query: string }
  | { kind: "tunnel"; host: string }
  | { kind: "refused"; host: string; path: string; reason: string };

const MAX_URL = 4000;

/** The target of a CONNECT. Capital letters mean the same host; everything else that is odd is refused. */
export const tunnelTarget = (authority: string): Target => {
  const [, host = "", port] = /^([^:]*):(\d{1,5})$/.exec(authority) ?? [];
  if (port === undefined) return refused(authority, "", "CONNECT needs host:443");
  const name = host.toLowerCase();
  const problem = hostProblem(name);
  if (problem !== undefined) return refused(authority, "", `the host ${problem}`);
  if (port !== "443") return refused(name, "", `CONNECT to port ${port}: only 443 is let through`);
  return { kind: "tunnel", host: name };
};

/** The target of any other request: a path of the proxy's own, or an absolute http URL. */
export const requestTarget = (url: string, hostHeader: string | undefined): Target => {
  if (url.length > MAX_URL) return refused("", "", "the URL is too long");
  const absolute = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i.exec(url);
  if (absolute === null) return endpointTarget(url);
  const [, scheme = "", authority = "", rest = ""] = absolute;
  if (scheme.toLowerCase() !== "http")
    return refused(authority, "", `${scheme} is not let through this way: https goes by CONNECT`);
  // a client that does not heed NO_PROXY asks the proxy for the proxy
  if (authority === `127.0.0.1:${PROXY_PORT}` || authority === `localhost:${PROXY_PORT}`)
    return endpointTarget(rest);
  return plainTarget(authority, rest === "" ? "/" : rest, hostHeader);
};

const plainTarget = (authority: string, rest: string, hostHeader: string | undefined): Target => {
  const [, name = "", port = "80"] = /^([^:]*)(?::(\d{1,5}))?$/.exec(authority.toLowerCase()) ?? [];
  const problem = hostProblem(name);
  const split = splitPath(rest);
  if (problem !== undefined) return refused(authority, "", `the host ${problem}`);
  if (split === undefined) return refused(name, "", "the path is malformed");
  if (port !== "80") return refused(name, split.path, `port ${port}: plain HTTP goes to 80 only`);
  const agreed = [undefined, name, `${name}:80`].includes(hostHeader?.toLowerCase());
  if (!agreed) return refused(name, split.path, "the Host header names another host");
  return { kind: "plain", host: name, ...split };
};

const endpointTarget = (url: string): Target => {
  const split = splitPath(url);
  if (split === undefined) return refused("", "", "the path is malformed");
  const [, name = "", path = ""] = /^\/([^/]*)(\/.*)?$/.exec(split.path) ?? [];
  return { kind: "endpoint", name, path: path === "" ? "/" : path, query: split.query };
};

/** Some servers cut a part at its `;` before they walk the dots. */
const CLIMBING = /^\.{1,2}(?:;|$)/;

/**
 * A path without escapes, under any number of them; undefined where what is escaped is no UTF-8 (an overlong form is a
 * dot or a slash to some servers) or has control characters.
 */
export const decodedPath = (path: string): string | undefined => {
  let plain = path;
  for (let before = ""; before !== plain; ) {
    before = plain;
    plain = plain.replace(/%(2e|2f|5c|25|00)/gi, (code) => decodeURIComponent(code));
  }
  try {
    plain = decodeURIComponent(plain);
  } catch {
    return undefined;
  }
  return /\p{Cc}/u.test(plain) ? undefined : plain;
};

/**
 * Path and query as they were written; undefined where a server could read them as another path: dots that climb,
 * under any number of encodings, backslashes, or anything but printable ASCII.
 */
const splitPath = (text: string): { path: string; query: string } | undefined => {
  if (!/^\/[\x21-\x7e]*$/.test(text) || text.includes("#")) return undefined;
  const cut = text.indexOf("?");
  const path = cut < 0 ? text : text.slice(0, cut);
  const plain = decodedPath(path);
  if (plain?.includes("\\") !== false) return undefined;
  if (plain.split("/").some((part) => CLIMBING.test(part))) return undefined;
  return { path, query: cut < 0 ? "" : text.slice(cut) };
};

/** What came instead of a host is told without what may be credentials in it. */
const refused = (authority: string, path: string, reason: string): Target => {
  const host = authority.slice(authority.lastIndexOf("@") + 1).toLowerCase();
  return { kind: "refused", host, path, reason };
};
