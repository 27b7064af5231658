// @ts-check
// Where an engine may listen, in the order the docker command would look, then the sockets products are known to use.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** @typedef {import("./engine-api.mjs").EngineAddress} EngineAddress */
/** @typedef {{ source: string, url: string, address?: EngineAddress, problem?: string }} Candidate */

/**
 * DOCKER_HOST or DOCKER_CONTEXT name one engine and no other is tried; else the context the docker command uses,
 * then the known sockets.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Candidate[]}
 */
export const engineCandidates = (env) => {
  const home = env.HOME ?? homedir();
  const config = env.DOCKER_CONFIG ?? join(home, ".docker");
  if (env.DOCKER_HOST) {
    const tls = env.DOCKER_TLS_VERIFY ? (env.DOCKER_CERT_PATH ?? config) : undefined;
    return [candidate("DOCKER_HOST", env.DOCKER_HOST, tls)];
  }
  if (env.DOCKER_CONTEXT && env.DOCKER_CONTEXT !== "default")
    return [contextCandidate(config, env.DOCKER_CONTEXT)];
  const current = env.DOCKER_CONTEXT ? undefined : currentContext(config);
  const named = current ? [contextCandidate(config, current)] : [];
  const known = knownSockets(env, home).map((path) => candidate("socket", `unix://${path}`));
  const urls = new Set();
  return [...named, ...known].filter(({ url }) => !urls.has(url) && urls.add(url));
};

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} home
 */
const knownSockets = (env, home) => {
  const runtime = env.XDG_RUNTIME_DIR ?? `/run/user/${process.getuid?.() ?? 0}`;
  return [
    "/var/run/docker.sock",
    join(runtime, "docker.sock"),
    join(home, ".docker/run/docker.sock"),
    join(home, ".docker/desktop/docker.sock"),
    join(home, ".colima/default/docker.sock"),
    join(home, ".orbstack/run/docker.sock"),
    join(home, ".rd/docker.sock"),
  ];
};

/** @param {string} config */
const currentContext = (config) => {
  const name = readJson(join(config, "config.json"))?.currentContext;
  return typeof name === "string" && name !== "default" ? name : undefined;
};

/**
 * @param {string} config
 * @param {string} name
 * @returns {Candidate}
 */
const contextCandidate = (config, name) => {
  const id = createHash("sha256").update(name).digest("hex");
  const url = readJson(join(config, "contexts/meta", id, "meta.json"))?.Endpoints?.docker?.Host;
  if (typeof url !== "string")
    return { source: `context ${name}`, url: name, problem: "no such docker context" };
  const tls = join(config, "contexts/tls", id, "docker");
  return candidate(`context ${name}`, url, existsSync(tls) ? tls : undefined);
};

/**
 * @param {string} source
 * @param {string} url
 * @param {string} [tlsDir]
 * @returns {Candidate}
 */
const candidate = (source, url, tlsDir) => {
  if (url.startsWith("unix://"))
    return { source, url, address: { socketPath: url.slice("unix://".length) } };
  const tcp = /^(?:tcp|https?):\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+))?\/?$/.exec(url);
  if (!tcp)
    return { source, url, problem: "this kind of address is not supported: use unix:// or tcp://" };
  const host = (tcp[1] ?? "").replace(/^\[|\]$/g, "");
  const secure = tlsDir !== undefined || url.startsWith("https:");
  const port = Number(tcp[2] ?? (secure ? 2376 : 2375));
  return {
    source,
    url,
    address: secure ? { host, port, tls: tlsFiles(tlsDir) } : { host, port },
  };
};

/** @param {string} [dir] */
const tlsFiles = (dir) => {
  /** @type {{ ca?: Buffer, cert?: Buffer, key?: Buffer }} */
  const files = {};
  for (const name of /** @type {const} */ (["ca", "cert", "key"])) {
    const path = dir && join(dir, `${name}.pem`);
    if (path && existsSync(path)) files[name] = readFileSync(path);
  }
  return files;
};

/** @param {string} path */
const readJson = (path) => {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
};
