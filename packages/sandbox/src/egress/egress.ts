import type { Socket } from "node:net";
import { clientSettings } from "./client.ts";
import { type EgressLimits, LIMITS, limitsFor } from "./exchange.ts";
import { endpointsOf } from "./registries.ts";
import { manifestRewriter, restoringOf, rulesOf } from "./rewrite.ts";
import { Session } from "./session.ts";
import type { Egress, EgressGrant, EgressSession, PrivateRegistry } from "./types.ts";
import { Upstreams } from "./upstreams.ts";

export type EgressOptions = {
  registries: readonly PrivateRegistry[];
  /** PEM bundle that upstreams' certificates are checked against; absent: Node's own */
  ca?: string;
  limits?: Partial<EgressLimits>;
  /** every address of a name; the default asks the host's resolver */
  resolve?: (host: string) => Promise<readonly string[]>;
  /** connects to one of the addresses, which were checked; the default does just that */
  dial?: (addresses: readonly string[], port: number) => Socket;
};

/** The egress proxy. Throws `UserError` where a private registry of the configuration is unfit. */
export const createEgress = (options: EgressOptions): Egress => {
  const { registries, ca, resolve, dial } = options;
  const limits = { ...LIMITS, ...options.limits };
  const endpoints = endpointsOf(registries);
  const rules = rulesOf(endpoints, registries);
  const restoring = restoringOf(endpoints);
  const upstreams = new Upstreams({ ca, resolve, dial, connectMs: limits.connectMs });
  const sessions = new Set<Session>();
  return {
    client: clientSettings(registries),
    rewrite: manifestRewriter(rules),
    session(grant: EgressGrant): EgressSession {
      const own = limitsFor(grant.phase, limits);
      const scope = { endpoints, rules, upstreams, limits: own, grant };
      const session = new Session({ ...scope, restoring }, () => sessions.delete(session));
      sessions.add(session);
      return session;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...sessions].map((session) => session[Symbol.asyncDispose]()));
      upstreams[Symbol.dispose]();
    },
  };
};
