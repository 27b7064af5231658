import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { NOT_LISTED } from "@headrace/domain";
import type { EgressLimits, Exchange } from "./exchange.ts";
import { type Endpoint, endpointUrl } from "./registries.ts";
import type { Rules } from "./rewrite.ts";
import type { EgressGrant } from "./types.ts";
import type { Upstreams } from "./upstreams.ts";

/** What the requests of one session share. */
export type Scope = {
  endpoints: ReadonlyMap<string, Endpoint>;
  rules: Rules;
  upstreams: Upstreams;
  limits: EgressLimits;
  grant: EgressGrant;
  /** aborted when the session ends */
  signal: AbortSignal;
};

export type Served = { exchange: Exchange; incoming: IncomingMessage; response: ServerResponse };

/** Why, in a few words for the record, and in full for the person who reads a client's output. */
export type Refusal = { detail: string; advice: string; status?: 403 | 404 };

/** What a task may reach is no list's to widen: its plan permits dependencies, and no other traffic. */
const NO_REGISTRY: Refusal = {
  detail: "no package registry",
  advice:
    "a task that changes dependencies reaches package registries only. If a package's install script asked for this " +
    "host, install without scripts (npm install --ignore-scripts): set-up runs them later, with the hosts listed for it",
};

/** A client that did not hear its settings, since a file of the repository outranks them. */
const byEndpoint = (own: readonly Endpoint[], host: string): Refusal => ({
  detail: "it is a registry of config.yaml that was not asked by its endpoint",
  advice:
    `${host} is a registry of config.yaml: its packages are at ${own.map(({ name }) => `${endpointUrl(name)}/`).join(" or ")}. ` +
    "Name that address by the client's own option: npm --@scope:registry=URL, pnpm --config.@scope:registry=URL, pip --index-url URL",
});

/** A host that is on no list: which line would let it through. */
export const notListed = (host: string, { grant, endpoints }: Scope): Refusal => {
  const own = [...endpoints.values()].filter(
    ({ base, reach }) => reach === "any" && new URL(base).hostname === host,
  );
  if (own.length > 0) return byEndpoint(own, host);
  if (grant.phase === "coding") return NO_REGISTRY;
  const registry = [...endpoints.values()].find(
    ({ base, reach }) => reach !== "any" && new URL(base).hostname === host,
  );
  const instead =
    registry === undefined
      ? ""
      : `; its packages are at ${endpointUrl(registry.name)}/, where its clients find them by their settings`;
  return {
    detail: NOT_LISTED,
    advice:
      `${NOT_LISTED}: add ${host} to sandbox.network.${grant.phase} in headrace.yaml (and run with ` +
      `--allow-repo-config), or to network.${grant.phase} in config.yaml of the data directory${instead}`,
  };
};

/** Ends a request with 403, or the refusal's own status, and the reason; a small body is read first, or its sender would not see the answer. */
export const refuse = async (served: Served, refusal: Refusal | string): Promise<void> => {
  const {
    detail,
    advice,
    status = 403,
  }: Refusal = typeof refusal === "string" ? { detail: refusal, advice: refusal } : refusal;
  served.exchange.end("refused", detail);
  await drain(served.incoming);
  answerText(served.response, status, advice);
};

export const answerText = (response: ServerResponse, status: number, text: string): void => {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, phrase(status, text), {
    "content-type": "text/plain; charset=utf-8",
    connection: "close",
  });
  response.end(`${text}\n`);
};

const MAX_PHRASE = 200;

/** The reason phrase of an answer: many a tool (apt, pip) shows it, and never the body. */
export const phrase = (status: number, text: string): string =>
  `${STATUS_CODES[status]}: ${text.replace(/[^\x20-\x7e]+/g, " ").slice(0, MAX_PHRASE)}`;

const [MAX_DRAINED, DRAIN_MS] = [2 ** 20, 10_000];

const drain = (incoming: IncomingMessage): Promise<void> =>
  new Promise((resolve) => {
    let left = MAX_DRAINED;
    const timer = setTimeout(resolve, DRAIN_MS);
    const done = () => {
      clearTimeout(timer);
      incoming.pause();
      resolve();
    };
    incoming.on("data", (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) done();
    });
    incoming.once("end", done).once("close", done).once("error", done);
  });
