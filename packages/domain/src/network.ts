import { z } from "zod";

/**
 * What a sandbox may be given a network for: set-up and research where policy lists hosts, coding where the accepted
 * plan permits a task to change dependencies. Other agents, and gates, have none.
 */
export const NetworkPhase = z.enum(["setup", "research", "coding"]);
export type NetworkPhase = z.infer<typeof NetworkPhase>;

/** Where the proxy is found in a sandbox that has a network. */
export const PROXY_PORT = 3128;
export const PROXY_URL = `http://127.0.0.1:${PROXY_PORT}`;

const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
/** Names that mean this machine or its neighbours, whatever a resolver says of them. */
const PRIVATE = /(?:^|\.)(?:localhost|local|internal|intranet|lan|home|corp|private|arpa|onion)$/;

/** Why a text is no exact public host name, for the person who wrote it; undefined when it is one. */
export const hostProblem = (text: string): string | undefined => {
  if (/[*?[\]{}]/.test(text))
    return "is a pattern: a name that matches more than one host also matches hosts of strangers; list each host";
  if (/[/:@]/.test(text)) return "is more than a host name: leave out scheme, port, user and path";
  if (/^[\d.]+$/.test(text) || /^0x/i.test(text))
    return "is an address: names are resolved once and checked, addresses can be anybody's";
  if (text !== text.toLowerCase()) return "has capital letters: write it in lower case";
  if (text.length > 253 || !text.split(".").every((label) => LABEL.test(label)))
    return "is no host name: expected letters, digits and dashes between dots";
  if (!text.includes(".")) return "has no dot: a whole top-level domain, or a name of this network";
  if (PRIVATE.test(text)) return "is a name of this machine or of a private network";
  return undefined;
};

/** One exact public host; patterns, addresses and private names are refused with the reason. */
export const HostName = z.string().superRefine((text, context) => {
  const problem = hostProblem(text);
  if (problem !== undefined) context.addIssue(problem);
});

/** Hosts that a phase may reach besides the package registries, each named exactly. */
export const NetworkPolicy = z.object({
  setup: z.array(HostName).max(50).default([]),
  research: z.array(HostName).max(50).default([]),
});
export type NetworkPolicy = z.infer<typeof NetworkPolicy>;

/** One request that a sandbox made of the egress proxy, as the event log keeps it. */
export const EgressRequest = z.object({
  phase: NetworkPhase,
  method: z.string().max(16),
  /** the host asked for, as the proxy understood it; of a registry endpoint its upstream's */
  host: z.string().max(253),
  /** path without query for registries; empty for CONNECT */
  path: z.string().max(300),
  outcome: z.enum(["allowed", "refused", "failed"]),
  /** the upstream's status, or why it was refused or failed */
  detail: z.string().max(200),
  bytesUp: z.number().int().nonnegative(),
  bytesDown: z.number().int().nonnegative(),
  durationMs: z.number().int().nonnegative(),
});
export type EgressRequest = z.infer<typeof EgressRequest>;

/** How the detail of a refusal begins that adding the host to a list would have prevented. */
export const NOT_LISTED = "not listed";

/** A host that a phase asked for in vain, whatever the lists say. */
export type UnreachedHost = { host: string; outcome: "refused" | "failed"; reason: string };

const MAX_UNREACHED = 20;

/**
 * Hosts that were refused for another reason than that no list names them, and those that never answered, each once
 * for a reason, in the order of their first request. The reason may be words of an upstream or a sandbox.
 */
export const unreachedHosts = (requests: readonly EgressRequest[]): UnreachedHost[] => {
  const reached = new Set(requests.filter((r) => r.outcome === "allowed").map((r) => r.host));
  const unreached = new Map<string, UnreachedHost>();
  for (const { host, outcome, detail } of requests) {
    if (outcome === "allowed" || detail.startsWith(NOT_LISTED)) continue;
    if (outcome === "failed" && reached.has(host)) continue;
    const reason = detail.startsWith(`${host} `) ? `it${detail.slice(host.length)}` : detail;
    const key = `${outcome} ${host} ${reason}`;
    if (unreached.size < MAX_UNREACHED) unreached.set(key, { host, outcome, reason });
  }
  return [...unreached.values()];
};

/** One line about such a host. */
export const tellUnreached = ({ host, outcome, reason }: UnreachedHost): string =>
  outcome === "refused"
    ? `set-up was refused ${host || "a request"}: ${reason}`
    : `${host} could not be reached: ${reason}`;

/** Each host that was refused to a phase because no list names it, once, in the order of the first refusal. */
export const refusedHosts = (requests: readonly EgressRequest[]): string[] => [
  ...new Set(
    requests
      .filter((r) => r.outcome === "refused" && r.detail.startsWith(NOT_LISTED))
      .map((r) => r.host),
  ),
];
