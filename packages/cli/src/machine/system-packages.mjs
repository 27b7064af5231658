// @ts-check
// How each system's package manager brings what is missing, as data: printed as a remedy or run by set-up.

import { which } from "./which.mjs";

/** @typedef {"engine" | "redis" | "git" | "debootstrap" | "strace" | "compose" | "tmux" | "bubblewrap" | "gvisor" | "ip" | "pip" | "pytest"} Need */

/**
 * @typedef {object} Manager
 * @property {string} program
 * @property {boolean} asRoot
 * @property {string[][]} before
 * @property {string[]} install
 * @property {Partial<Record<Need, string[]>>} packages
 * @property {Partial<Record<Need, string[]>>} after the command that makes a need usable once installed
 */

/** @type {Manager[]} */
const MANAGERS = [
  {
    program: "apt-get",
    asRoot: true,
    before: [["apt-get", "update"]],
    install: ["apt-get", "install", "-y", "--no-install-recommends"],
    packages: {
      engine: ["docker.io"],
      redis: ["redis-server"],
      git: ["git"],
      debootstrap: ["debootstrap", "debian-archive-keyring", "gpgv"],
      strace: ["strace"],
      compose: ["docker-compose"],
      tmux: ["tmux"],
      bubblewrap: ["bubblewrap"],
      gvisor: ["runsc"],
      ip: ["iproute2"],
      pip: ["python3-pip"],
      pytest: ["python3-pytest", "python3-pytest-xdist"],
    },
    after: {},
  },
  {
    program: "dnf",
    asRoot: true,
    before: [],
    install: ["dnf", "install", "-y"],
    packages: {
      engine: ["moby-engine"],
      redis: ["valkey"],
      git: ["git"],
      debootstrap: ["debootstrap"],
      strace: ["strace"],
      compose: ["docker-compose"],
      tmux: ["tmux"],
    },
    after: { engine: ["systemctl", "enable", "--now", "docker"] },
  },
  {
    program: "brew",
    asRoot: false,
    before: [],
    install: ["brew", "install"],
    packages: {
      engine: ["colima", "docker"],
      redis: ["redis"],
      git: ["git"],
      compose: ["docker-compose"],
      tmux: ["tmux"],
    },
    after: { engine: ["colima", "start"] },
  },
];

/** @param {NodeJS.ProcessEnv} env */
const managerOf = (env) => MANAGERS.find(({ program }) => which(program, env));

/**
 * The commands that bring what is missing, or undefined where this system has no known package manager for it all.
 * @param {readonly Need[]} needs
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[][] | undefined}
 */
export const installCommands = (needs, env) => {
  const manager = managerOf(env);
  if (!manager || needs.some((need) => !manager.packages[need])) return undefined;
  const names = needs.flatMap((need) => manager.packages[need] ?? []);
  const after = needs.flatMap((need) => (manager.after[need] ? [manager.after[need]] : []));
  const commands = [...manager.before, [...manager.install, ...names], ...after];
  const sudo = manager.asRoot && process.getuid?.() !== 0;
  return commands.map((command) => (sudo ? ["sudo", ...command] : command));
};

/** @type {Record<Need, string>} */
const PRODUCTS = {
  engine: "a Docker engine: Docker Desktop, colima or OrbStack on a Mac, docker on Linux",
  redis: "redis-server or valkey-server, or a Redis named by REDIS_URL",
  git: "git 2.38 or newer",
  debootstrap: "debootstrap",
  strace: "strace",
  compose: "docker-compose",
  tmux: "tmux",
  bubblewrap: "bubblewrap",
  gvisor: "gVisor (runsc)",
  ip: "iproute2",
  pip: "pip",
  pytest: "pytest with pytest-xdist",
};

/**
 * What a person types to bring what is missing.
 * @param {readonly Need[]} needs
 * @param {NodeJS.ProcessEnv} env
 */
export const installRemedy = (needs, env) => {
  const commands = installCommands(needs, env);
  if (!commands) return `install ${needs.map((need) => PRODUCTS[need]).join("; ")}`;
  const line = commands.map((command) => command.join(" ")).join(" && ");
  if (!needs.includes("engine")) return line;
  if (commands.some(([program]) => program === "brew"))
    return `${line}\nor, for Docker Desktop: brew install --cask docker-desktop, and start it once`;
  const group = process.getuid?.() === 0 ? "" : `\n${DOCKER_GROUP}`;
  return `${line}${group}`;
};

/** What lets a plain user speak to the engine, with what it means. */
export const DOCKER_GROUP = [
  'sudo usermod -aG docker "$USER"   (then log in again; members of that group are as good as root on this machine)',
  "without it: a rootless engine, dockerd-rootless-setuptool.sh install",
].join("\n");
