// @ts-check
// Finds the Docker engine that answers, and says of each address that did not why.

import { engineCandidates } from "./engine-addresses.mjs";
import { callEngine } from "./engine-api.mjs";

/**
 * @typedef {object} Engine
 * @property {string} source how it was found: DOCKER_HOST, a context, a known socket
 * @property {string} url
 * @property {import("./engine-api.mjs").EngineAddress} address
 * @property {string} version
 * @property {string} apiVersion the newest version of the API it speaks
 * @property {string} arch as Node names it: x64, arm64
 * @property {string} product its operating system's name: "Docker Desktop", "Debian GNU/Linux 12 (bookworm)"
 * @property {string} kernel version of the Linux under its containers, "" where it does not say
 * @property {string} runc version of its runtime, "" where it does not say or has another
 * @property {string} crun the same of the runtime that Podman uses
 * @property {string} containerd the same of what Docker starts containers with
 * @property {boolean} podman
 * @property {boolean} seccomp whether it filters system calls
 * @property {string} storage driver of its images
 * @property {string[]} unlimited what it cannot limit: "memory", "processes", "processors"
 * @property {boolean} rootless
 * @property {boolean} remapped container root is another user of the host
 * @property {string} cgroup "1" or "2"
 * @property {boolean} gvisor
 * @property {number} cpus
 * @property {number} memoryBytes
 * @property {string} rootDir where it keeps images, on its own host
 */

/** @typedef {"absent" | "denied" | "silent" | "unusable"} EngineProblem */
/** @typedef {{ source: string, url: string, problem: EngineProblem, detail: string }} EngineMiss */

const PROBE_MS = 4000;

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ engine: Engine } | { engine?: undefined, tried: EngineMiss[] }>}
 */
export const findEngine = async (env) => {
  /** @type {EngineMiss[]} */
  const tried = [];
  for (const { source, url, address, problem } of engineCandidates(env)) {
    if (!address) {
      tried.push({ source, url, problem: "unusable", detail: problem ?? "" });
      continue;
    }
    try {
      return { engine: await describe({ source, url, address }) };
    } catch (error) {
      tried.push({ source, url, ...explain(error) });
    }
  }
  return { tried };
};

/**
 * @param {{ source: string, url: string, address: import("./engine-api.mjs").EngineAddress }} found
 * @returns {Promise<Engine>}
 */
const describe = async (found) => {
  const [version, info] = await Promise.all([
    getJson(found.address, "/version"),
    getJson(found.address, "/info"),
  ]);
  return engineOf(found, version, info);
};

/**
 * @param {{ source: string, url: string, address: import("./engine-api.mjs").EngineAddress }} found
 * @param {any} version what it answers to /version
 * @param {any} info what it answers to /info
 * @returns {Engine}
 */
export const engineOf = (found, version, info) => {
  if (info.OSType !== "linux")
    throw new Unusable(`it runs ${info.OSType} containers; switch it to Linux containers`);
  /** @type {string[]} */
  const security = info.SecurityOptions ?? [];
  /** @type {{ Name: string, Version: string }[]} */
  const components = version.Components ?? [];
  /** @param {RegExp} name */
  const versionOf = (name) =>
    /\d+\.\d+[^\s,]*/.exec(components.find((c) => name.test(c.Name))?.Version ?? "")?.[0] ?? "";
  const limits = {
    memory: info.MemoryLimit,
    processes: info.PidsLimit,
    processors: info.CpuCfsQuota,
  };
  return {
    ...found,
    version: version.Version,
    apiVersion: version.ApiVersion,
    arch: { amd64: "x64", 386: "ia32" }[/** @type {string} */ (version.Arch)] ?? version.Arch,
    product: info.OperatingSystem,
    kernel: info.KernelVersion ?? "",
    runc: versionOf(/\brunc\b/),
    crun: versionOf(/\bcrun\b/),
    containerd: versionOf(/^containerd$/),
    podman: components.some(({ Name }) => Name.startsWith("Podman")),
    seccomp: security.some((option) => option.includes("seccomp")),
    storage: info.Driver ?? "",
    unlimited: Object.entries(limits).flatMap(([what, can]) => (can === false ? [what] : [])),
    rootless: security.some((option) => option.includes("rootless")),
    remapped: security.some((option) => option.includes("userns")),
    cgroup: info.CgroupVersion ?? "1",
    gvisor: "runsc" in (info.Runtimes ?? {}),
    cpus: info.NCPU,
    memoryBytes: info.MemTotal,
    rootDir: info.DockerRootDir,
  };
};

class Unusable extends Error {}

/**
 * @param {import("./engine-api.mjs").EngineAddress} address
 * @param {string} path
 */
const getJson = async (address, path) => {
  const { status, text } = await callEngine(address, { path, timeoutMs: PROBE_MS });
  if (status !== 200)
    throw new Unusable(`${path} answered ${status}: ${text.trim().slice(0, 200)}`);
  try {
    return JSON.parse(text);
  } catch {
    throw new Unusable(`${path} answered something that is not JSON: is this a Docker engine?`);
  }
};

/**
 * @param {unknown} error
 * @returns {{ problem: EngineProblem, detail: string }}
 */
const explain = (error) => {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
  if (error instanceof Unusable) return { problem: "unusable", detail: message };
  if (code === "ENOENT") return { problem: "absent", detail: "not there" };
  if (code === "EACCES" || code === "EPERM")
    return { problem: "denied", detail: "permission denied" };
  if (code === "ECONNREFUSED") return { problem: "silent", detail: "nothing listens there" };
  return { problem: "silent", detail: message };
};
