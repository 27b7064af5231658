import type { Duplex } from "node:stream";
import type { EgressRequest, NetworkPhase } from "@headrace/domain";

/** A package registry behind an endpoint of the proxy, from the person's own configuration. */
export type PrivateRegistry = {
  /** the endpoint is `/<name>/` */
  name: string;
  kind: "npm" | "pypi" | "other";
  /** https, or http to loopback for tests and local mirrors; with a path it is a prefix */
  url: string;
  /** npm scopes that come from it; none and kind npm: it takes the public registry's place */
  scopes: readonly string[];
  /**
   * Python packages that come from it and from nowhere else, by name or, with a `*` at the end, by the beginning of
   * names; none and kind pypi: it takes PyPI's place
   */
  packages?: readonly string[] | undefined;
  /** added to requests to exactly this upstream, never to a redirect's target */
  authorization?: string | undefined;
  /** names of environment variables that the repository's own files expect; the sandbox sees a placeholder */
  placeholders: readonly string[];
};

/** What makes package managers use the endpoints: variables, and files of the sandbox user's home. */
export type ClientSettings = {
  env: Readonly<Record<string, string>>;
  files: readonly { path: string; text: string }[];
};

export type EgressGrant = {
  phase: NetworkPhase;
  /** exact hosts, by CONNECT to port 443 or plain HTTP to port 80, besides the registries' endpoints */
  hosts: readonly string[];
  onRequest: (request: EgressRequest) => void;
};

/** Files of a workspace, and what turns the endpoints' addresses in them to the registries' own, rule by rule. */
export type Restoring = {
  /** as git reads them with `:(glob)` */
  globs: readonly string[];
  rules: readonly (readonly [source: string, replacement: string])[];
};

/** The connections of one sandbox; closing it ends them. */
export interface EgressSession extends AsyncDisposable {
  /** what package managers write through the endpoints, and how it is turned back */
  readonly restoring: readonly Restoring[];
  /** Serves one connection that a sandbox opened to the proxy's port; never throws. */
  accept(connection: Duplex): void;
}

/** The factory's only way from a sandbox to the network. */
export interface Egress extends AsyncDisposable {
  readonly client: ClientSettings;
  /** A manifest or lockfile with the registries' absolute URLs turned to the endpoints; others as they are. */
  rewrite(path: string, bytes: Uint8Array): Uint8Array;
  session(grant: EgressGrant): EgressSession;
}
