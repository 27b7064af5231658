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

/**
 * Parts of an engine, and from which releases of each line on they are mended.
 * @type {{ name: string, of: (engine: Engine) => string, mended: number[][], means: string, remedy: string }[]}
 */
const PARTS = [
  {
    name: "docker",
    of: ({ podman, version }) => (podman ? "" : version),
    mended: [[25, 0, 0]],
    means:
      "its makers no longer mend releases before 25; what your distribution mends, it does not say",
    remedy: "update the engine, or rely on a distribution that mends it",
  },
  {
    name: "runc",
    of: ({ runc }) => runc,
    mended: [
      [1, 2, 8],
      [1, 3, 3],
    ],
    means:
      "before 1.2.8 a hostile image may get out of its container (CVE-2025-31133, -52565, -52881)",
    remedy: "update the engine, or do not run repositories you do not trust on it",
  },
  {
    name: "crun",
    of: ({ crun }) => crun,
    mended: [[1, 4, 4]],
    means: "before 1.4.4 commands run in a container inherit capabilities (CVE-2022-27650)",
    remedy: "update crun",
  },
  {
    name: "containerd",
    of: ({ containerd }) => containerd,
    mended: [
      [1, 6, 38],
      [1, 7, 27],
      [2, 0, 4],
    ],
    means:
      "an image whose user id is too large runs as root in its container (CVE-2024-40635); sandboxes name their own user, services do not",
    remedy: "update containerd, or use images of services that you trust",
  },
];

/**
 * How old what stands between a sandbox and the machine is; a part that does not say its version is left out.
 * @param {Engine} engine
 * @returns {Finding[]}
 */
export const ageFindings = (engine) => [...kernelFinding(engine), ...partFindings(engine)];

/**
 * No judgement: distributions mend old kernels without changing what they are called.
 * @param {Engine} engine
 * @returns {Finding[]}
 */
const kernelFinding = ({ kernel }) =>
  kernel
    ? [{ name: "kernel", state: "ok", detail: `${kernel}; what is mended in it, it does not say` }]
    : [];

/**
 * @param {Engine} engine
 * @returns {Finding[]}
 */
const partFindings = (engine) =>
  PARTS.flatMap(({ name, of, mended, means, remedy }) => {
    const text = of(engine);
    const version = /^(\d+)\.(\d+)(?:\.(\d+))?/
      .exec(text)
      ?.slice(1)
      .map((n) => Number(n ?? 0));
    if (!version) return [];
    /** @type {Finding} */
    const finding = isMended(version, mended)
      ? { name, state: "ok", detail: text }
      : { name, state: "warn", detail: `${text}; ${means}`, remedy };
    return [finding];
  });

/**
 * @param {number[]} version
 * @param {number[][]} mended first release of each line, in order
 */
const isMended = ([major = 0, minor = 0, patch = 0], mended) => {
  const line = mended.find((first) => first[0] === major && first[1] === minor);
  if (line) return patch >= (line[2] ?? 0);
  const [newest = 0, newestMinor = 0] = mended.at(-1) ?? [];
  return major > newest || (major === newest && minor > newestMinor);
};

/** Products whose engine runs in a virtual machine. */
const IN_A_MACHINE = /docker desktop|orbstack|colima|lima|rancher/i;
const LEAST_MEMORY = 4 * 2 ** 30;

/**
 * What holds a sandbox in, and what bounds it.
 * @param {Engine} engine
 * @returns {Finding[]}
 */
export const wallFindings = (engine) => [
  seccompFinding(engine),
  { name: "user ids", state: "ok", detail: userIds(engine) },
  engine.unlimited.length === 0
    ? {
        name: "limits",
        state: "ok",
        detail: `memory, processes, processors (cgroup v${engine.cgroup})`,
      }
    : {
        name: "limits",
        state: "warn",
        detail: `the engine cannot limit ${engine.unlimited.join(", ")}: a sandbox may starve the machine`,
        remedy:
          "give it cgroup v2 with its controllers delegated (systemd), or use an engine of root",
      },
  ["vfs", "aufs", "devicemapper"].includes(engine.storage)
    ? {
        name: "storage",
        state: "warn",
        detail: `${engine.storage}: slow, and vfs copies a whole image for each sandbox`,
        remedy: "use overlay2 (`storage-driver` in daemon.json) or fuse-overlayfs",
      }
    : { name: "storage", state: "ok", detail: engine.storage || "not said" },
  engine.memoryBytes >= LEAST_MEMORY
    ? { name: "memory", state: "ok", detail: `${Math.floor(engine.memoryBytes / 2 ** 30)} GiB` }
    : {
        name: "memory",
        state: "warn",
        detail: `${(engine.memoryBytes / 2 ** 30).toFixed(1)} GiB: sandboxes take 2 GiB each and wait for each other`,
        remedy: "give the engine's machine 4 GiB or more, or lower `sandbox.memory`",
      },
];

/**
 * @param {Engine} engine
 * @returns {Finding}
 */
const seccompFinding = ({ seccomp, podman }) => {
  const name = "seccomp";
  if (!seccomp)
    return {
      name,
      state: "missing",
      detail: "the engine filters no system calls: all of the kernel stands open to a sandbox",
      remedy: "use an engine and a kernel with seccomp (CONFIG_SECCOMP_FILTER)",
    };
  return podman
    ? {
        name,
        state: "warn",
        detail: "Podman's own profile, for it takes none over its API: wider than Headrace's",
        remedy: "use a Docker engine for repositories you do not trust",
      }
    : { name, state: "ok", detail: "Headrace's own profile" };
};

/** @param {Engine} engine */
const userIds = ({ rootless, remapped, product, url }) => {
  if (rootless) return "rootless: a container's root is you, outside of it";
  if (remapped) return "remapped: a container's root is nobody outside of it";
  return IN_A_MACHINE.test(`${product} ${url}`)
    ? "not remapped: a container's root is root of the engine's virtual machine, not of yours"
    : "not remapped: a container's root is this machine's; sandboxes run as another user, services may not (`userns-remap` in daemon.json)";
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
