// @ts-check
// What doctor says of the engine: which one, how strong a wall its runtime is, and what more it could offer.

import { diagnoseEngine } from "./engine-remedy.mjs";
import { which } from "./which.mjs";

/** @typedef {import("./findings.mjs").Finding} Finding */
/** @typedef {import("./find-engine.mjs").Engine} Engine */

/**
 * @param {Awaited<ReturnType<typeof import("./find-engine.mjs").findEngine>>} found
 * @param {NodeJS.ProcessEnv} env
 * @returns {Finding}
 */
export const engineFinding = (found, env) => {
  const name = "engine";
  if (!found.engine) {
    const { detail, remedy } = diagnoseEngine(found.tried, env);
    return { name, state: "missing", detail, remedy };
  }
  const { version, apiVersion, url, source, product, cpus, memoryBytes, cgroup } = found.engine;
  const gigabytes = (memoryBytes / 2 ** 30).toFixed(0);
  const detail = `${version}, API ${apiVersion}, ${product}, ${cpus} CPUs, ${gigabytes} GiB, cgroup v${cgroup}; ${url} (${source})`;
  return { name, state: "ok", detail };
};

/** First releases of each line of runc that close CVE-2025-31133, -52565 and -52881. */
const MENDED = [
  [1, 2, 8],
  [1, 3, 3],
];

/**
 * @param {Engine} engine
 * @returns {Finding}
 */
export const runtimeFinding = (engine) => {
  const name = "runtime";
  const walls = [
    engine.rootless ? "rootless engine" : "root engine",
    engine.remapped ? "user ids remapped" : "user ids not remapped",
  ].join(", ");
  const version = /^(\d+)\.(\d+)\.(\d+)/.exec(engine.runc)?.slice(1).map(Number);
  if (!version) return { name, state: "ok", detail: `runc of unknown version, ${walls}` };
  const detail = `runc ${engine.runc}, ${walls}`;
  return isMended(version)
    ? { name, state: "ok", detail }
    : {
        name,
        state: "warn",
        detail: `${detail}; before 1.2.8 a hostile image may get out of its container (CVE-2025-31133, -52565, -52881)`,
        remedy: "update the engine, or do not run repositories you do not trust on it",
      };
};

/** @param {number[]} version */
const isMended = ([major = 0, minor = 0, patch = 0]) => {
  const line = MENDED.find((mended) => mended[0] === major && mended[1] === minor);
  if (line) return patch >= (line[2] ?? 0);
  return major > 1 || (major === 1 && minor > 3);
};

/**
 * Walls a policy may ask for; none is needed.
 * @param {Engine} engine
 * @param {NodeJS.ProcessEnv} env
 * @returns {Finding}
 */
export const engineExtras = (engine, env) => {
  const extras = {
    gVisor: engine.gvisor,
    "user namespaces": engine.remapped || engine.rootless,
    bubblewrap: which("bwrap", env) !== undefined,
  };
  const list = Object.entries(extras).map(([what, there]) => `${what} ${there ? "yes" : "no"}`);
  return { name: "extras", state: "ok", detail: list.join(", ") };
};
