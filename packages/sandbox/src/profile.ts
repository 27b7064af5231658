import { PRODUCT, SANDBOX_UID, type SandboxLimits } from "@headrace/domain";
import type { ContainerCreateOptions, HostConfig } from "dockerode";
import { CPU_SHARES } from "./admission.ts";
import type { Walls } from "./isolation.ts";

/**
 * What a container is for. Only `prepare` is root; `service` is whoever its image says; `holder` keeps the network
 * namespace in which services and the one they serve find each other; `probe` tells how full the engine's disk is.
 */
export type Phase = "agent" | "gate" | "setup" | "prepare" | "holder" | "service" | "probe";

export type ContainerSpec = {
  phase: Phase;
  image: string;
  /** undefined: the image's own, for a service */
  command: readonly string[] | undefined;
  env: Readonly<Record<string, string>>;
  limits: SandboxLimits;
  labels: Readonly<Record<string, string>>;
  walls: Walls;
  /** its weight against others where processors are short; absent: that of a run's only sandbox */
  cpuShares?: number;
  /** id of the container whose network namespace this one shares */
  joins?: string | undefined;
  /** folders the image declares as volumes, which would lie on the engine's disk without a bound */
  volumes?: readonly string[];
};

export const SANDBOX_USER = `${SANDBOX_UID}:${SANDBOX_UID}`;
export const WORKSPACE = "/workspace";
export const HOME = "/home/agent";
/** Where the factory's own files stand in a sandbox. */
export const FACTORY_FOLDER = `/opt/${PRODUCT}`;

/** What an init and a shell that waits take. */
export const SHELL_LIMITS = {
  memoryMb: 32,
  cpus: 0.1,
  pids: 16,
  diskMb: 10_240,
  inodes: 1_000_000,
};

const MIB = 1024 * 1024;
/** Threads of the host behind one process of a sandbox; where gVisor gets no more of them, it ends with all in it. */
const GVISOR_THREADS = 8;
const HOSTNAME = "sandbox";

const FILE_OWNERS = ["CHOWN", "DAC_OVERRIDE", "FOWNER"];
/**
 * Besides the files that an image prepares for its server (its entrypoint takes over folders, whoever owns them, and
 * sets their modes), a service's root needs SETGID and SETUID to become the server's own user. What else an engine's
 * default would give it (raw sockets, chroot, device nodes, file capabilities) no server of a test needs.
 */
const CAPABILITIES: Partial<Record<Phase, string[]>> = {
  prepare: FILE_OWNERS,
  service: [...FILE_OWNERS, "SETGID", "SETUID"],
};

/** Limits and isolation of a container (reliability.md §2.1): no mount, no capability, no way up. */
export const hostConfig = (
  spec: Pick<ContainerSpec, "phase" | "limits" | "walls" | "cpuShares" | "joins" | "volumes">,
): HostConfig & { CgroupnsMode: string } => ({
  ...network(spec),
  ...(spec.walls.runtime === undefined ? {} : { Runtime: spec.walls.runtime }),
  CapDrop: ["ALL"],
  CapAdd: CAPABILITIES[spec.phase] ?? [],
  SecurityOpt: [
    "no-new-privileges:true",
    ...(spec.walls.seccomp === undefined ? [] : [`seccomp=${spec.walls.seccomp}`]),
  ],
  Privileged: false,
  ReadonlyRootfs: spec.phase === "probe",
  Init: true,
  IpcMode: "private",
  CgroupnsMode: "private",
  PidsLimit: spec.limits.pids * (spec.walls.runtime === undefined ? 1 : GVISOR_THREADS),
  Memory: spec.limits.memoryMb * MIB,
  // no swap, so that a hungry sandbox cannot slow the machine down
  MemorySwap: spec.limits.memoryMb * MIB,
  NanoCpus: Math.round(spec.limits.cpus * 1e9),
  CpuShares: spec.cpuShares ?? CPU_SHARES,
  OomScoreAdj: 500,
  ShmSize: 64 * MIB,
  // bundlers hold thousands of files open, and a database's files grow to 1 GiB each
  Ulimits: [
    { Name: "nofile", Soft: 8192, Hard: 8192 },
    { Name: "core", Soft: 0, Hard: 0 },
    { Name: "fsize", Soft: 1024 * MIB, Hard: 1024 * MIB },
  ],
  Tmpfs: tmpfs(spec),
  Binds: [],
  Mounts: [],
  // output is read from the attached stream; the engine keeps none on the host's disk
  LogConfig: { Type: "none", Config: {} },
  RestartPolicy: { Name: "" },
  // its end is told by its stream, and nothing of it is looked at afterwards
  AutoRemove: spec.phase === "probe",
});

/** The engine takes the name and the hosts of who joins a namespace from the one who holds it. */
const network = ({ joins }: Pick<ContainerSpec, "joins">): HostConfig =>
  joins === undefined
    ? { NetworkMode: "none", ExtraHosts: [`${HOSTNAME}:127.0.0.1`] }
    : { NetworkMode: `container:${joins}` };

const tmpfs = ({
  phase,
  limits,
  volumes = [],
}: Pick<ContainerSpec, "phase" | "limits" | "volumes">): Record<string, string> => {
  // what set-up leaves in /tmp would be lost from a tmpfs at no gain, and count as memory
  const folders = phase === "setup" || phase === "prepare" ? volumes : ["/tmp", ...volumes];
  const options = `rw,exec,nosuid,nodev,mode=1777,size=${Math.floor(limits.memoryMb / 2)}m`;
  return Object.fromEntries(folders.map((folder) => [folder, options]));
};

/** Whether its command is spoken to over its stdin, and ends with it. */
const isSpokenTo = ({ phase }: ContainerSpec): boolean =>
  phase === "agent" || phase === "setup" || phase === "probe";

/** The whole request that creates a container; nothing of the host's environment goes in. */
export const containerConfig = (spec: ContainerSpec): ContainerCreateOptions => ({
  Image: spec.image,
  ...process(spec),
  ...(spec.joins === undefined ? { Hostname: HOSTNAME } : {}),
  Env: variables({ ...standardEnv(spec.phase), ...spec.env }),
  Labels: { ...spec.labels },
  Tty: false,
  OpenStdin: isSpokenTo(spec),
  StdinOnce: isSpokenTo(spec),
  AttachStdin: isSpokenTo(spec),
  AttachStdout: true,
  AttachStderr: true,
  StopTimeout: 2,
  Healthcheck: { Test: ["NONE"] },
  HostConfig: hostConfig(spec),
});

const process = ({ phase, command }: ContainerSpec): ContainerCreateOptions => {
  if (command === undefined) return {};
  const User = phase === "prepare" ? "0:0" : SANDBOX_USER;
  // an entrypoint, so that the image's own one plays no part
  return { Entrypoint: [...command], Cmd: [], User, WorkingDir: WORKSPACE };
};

/** Set-up's own variables travel with its commands, for a committed image keeps those of its container. */
const standardEnv = (phase: Phase): Record<string, string> => {
  if (phase !== "agent" && phase !== "gate") return {};
  return { HOME, LANG: "C.UTF-8", ...(phase === "gate" ? { CI: "true" } : {}) };
};

export const variables = (env: Readonly<Record<string, string>>): string[] =>
  Object.entries(env).map(([name, value]) => `${name}=${value}`);
