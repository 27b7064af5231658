import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { join, relative } from "node:path";
import { SANDBOX_UID, type SandboxLimits } from "@headrace/domain";
import { FACTORY_FOLDER, HOME, WORKSPACE } from "../profile.ts";

import { HOST_PATH } from "./programs.ts";

const MIB = 1024 * 1024;
const HOSTNAME = "sandbox";
const SHM_BYTES = 64 * MIB;
/** Of the host's root folder only what the programs of /usr are reached by; the rest of it is not there. */
const SYSTEM_FOLDERS = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/** Folders of the host's /etc that programs of /usr point into; its other files are made, not shown. */
export const ETC_FOLDERS = ["alternatives", "ssl/certs", "pki/tls/certs", "pki/ca-trust/extracted"];
export const PATH = `${HOST_PATH}:${FACTORY_FOLDER}/bin`;
/** What of /proc tells of the whole machine, as engines hide it too. */
const MASKED = ["kcore", "keys", "latency_stats", "sched_debug", "timer_list"];

/** Descriptors that bwrap reads; the sandbox inherits none of them. */
export const FD = { arguments: 3, seccomp: 4, status: 5 } as const;

export type Jail = {
  /** the sandbox's own folders: `workspace`, `home`, `factory` and `tmp` */
  room: string;
  /** what /etc is */
  etc: string;
  /** the Node that the supervisor runs on, and commands where the host's /usr has none */
  node: string;
  limits: SandboxLimits;
  env: Readonly<Record<string, string>>;
  /** whether bwrap can forbid further user namespaces */
  disableUserns: boolean;
  /** while it is filled and in set-up the factory's folder can be written; set-up has its /tmp on disk */
  phase: "filling" | "setup" | "agent" | "gate";
  /** where the room's folder `beside` is seen, and what below it a gate may write */
  beside?: { path: string; writable: string | undefined } | undefined;
};

/**
 * What bwrap is asked for: every namespace its own, no capability, nothing of the host but its programs, read-only.
 * They travel over a descriptor, for a command line can be read in the sandbox.
 */
export const jailArguments = (jail: Jail): string[] => [
  ...["user", "pid", "net", "ipc", "uts", "cgroup"].map((name) => `--unshare-${name}`),
  ...(jail.disableUserns ? ["--disable-userns"] : []),
  ...["--uid", String(SANDBOX_UID), "--gid", String(SANDBOX_UID), "--hostname", HOSTNAME],
  ...["--die-with-parent", "--new-session", "--cap-drop", "ALL"],
  ...["--seccomp", String(FD.seccomp), "--json-status-fd", String(FD.status)],
  "--clearenv",
  ...Object.entries({ PATH, HOSTNAME, ...jail.env }).flatMap(([k, v]) => ["--setenv", k, v]),
  ...systemFolders(),
  ...["--ro-bind", jail.etc, "/etc"],
  ...ETC_FOLDERS.flatMap((path) => readOnly(`/etc/${path}`)),
  ...["--proc", "/proc", "--dev", "/dev"],
  ...MASKED.map((name) => `/proc/${name}`)
    .filter((path) => existsSync(path))
    .flatMap((path) => ["--ro-bind", "/dev/null", path]),
  ...tmpfs("/dev/shm", SHM_BYTES),
  ...(jail.phase === "setup"
    ? ["--bind", join(jail.room, "tmp"), "/tmp"]
    : tmpfs("/tmp", Math.floor(jail.limits.memoryMb / 2) * MIB)),
  ...["--dir", "/run", "--dir", "/var", "--symlink", "../tmp", "/var/tmp"],
  ...["--bind", join(jail.room, "home"), HOME, "--bind", join(jail.room, "workspace"), WORKSPACE],
  ...factoryFolder(jail),
  ...besideFolder(jail),
  ...["--remount-ro", "/dev", "--remount-ro", "/"],
  ...["--chdir", WORKSPACE],
];

const tmpfs = (path: string, bytes: number): string[] => [
  ...["--perms", "1777", "--size", String(bytes), "--tmpfs", path],
];

const readOnly = (path: string): string[] => ["--ro-bind-try", path, path];

const factoryFolder = ({ room, node, phase }: Jail): string[] => {
  const own = join(room, "factory");
  const bound =
    phase === "filling" || phase === "setup"
      ? ["--bind", own, FACTORY_FOLDER]
      : ["--ro-bind", own, FACTORY_FOLDER, "--bind", join(own, "store"), `${FACTORY_FOLDER}/store`];
  return [...bound, "--ro-bind", node, `${FACTORY_FOLDER}/node`];
};

/** Where a path below `beside` lies on the host. */
export const besideOnHost = ({ room, beside }: Jail, path: string): string =>
  join(room, "beside", relative(beside?.path ?? path, path));

const besideFolder = (jail: Jail): string[] => {
  const { beside, phase } = jail;
  if (beside === undefined) return [];
  const { path, writable } = beside;
  if (phase === "filling") return ["--bind", besideOnHost(jail, path), path];
  const out = writable === undefined ? [] : ["--bind", besideOnHost(jail, writable), writable];
  return ["--ro-bind", besideOnHost(jail, path), path, ...out];
};

const systemFolders = (): string[] => {
  const rest = SYSTEM_FOLDERS.flatMap((name) => {
    const stat = lstatSync(`/${name}`, { throwIfNoEntry: false });
    if (stat === undefined) return [];
    if (stat.isSymbolicLink()) return ["--symlink", readlinkSync(`/${name}`), `/${name}`];
    return ["--ro-bind", `/${name}`, `/${name}`];
  });
  return ["--ro-bind", "/usr", "/usr", ...rest];
};

/**
 * Closes what the factory's own starter left open to it, which would be open in the sandbox too, and enters the groups
 * before anything of the sandbox runs: what cannot be limited is not started. Other shells cannot close a descriptor
 * of two digits.
 */
const ENTER = `
for fd in /proc/self/fd/*; do
  fd=\${fd##*/}
  if [ "$fd" -gt ${FD.status} ]; then eval "exec $fd>&-"; fi
done
echo 500 > /proc/self/oom_score_adj
while [ "$1" != -- ]; do echo 0 > "$1" || exit 1; shift; done
shift
exec "$@"`;

/** The whole command line on the host: its own limits, then bwrap with `command` to run in the sandbox. */
export const hostCommand = (options: {
  entrances: readonly string[];
  maxFiles: number;
  command: readonly string[];
}): string[] => [
  ...["bash", "--norc", "--noprofile", "-c", ENTER, "bash", ...options.entrances, "--"],
  ...["prlimit", `--nofile=${options.maxFiles}`, "--core=0", `--fsize=${1024 * MIB}`],
  ...asUnprivileged(),
  ...["bwrap", "--args", String(FD.arguments), "--", ...options.command],
];

/** Root's sandboxes are an unprivileged user's: a hole in their walls leads to nobody of importance. */
const asUnprivileged = (): string[] =>
  isRoot() ? ["setpriv", `--reuid=${SANDBOX_UID}`, `--regid=${SANDBOX_UID}`, "--clear-groups"] : [];

export const isRoot = (): boolean => process.getuid?.() === 0;
