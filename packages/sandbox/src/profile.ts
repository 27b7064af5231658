import { PRODUCT, type SandboxLimits } from "@headrace/domain";
import type { ContainerCreateOptions, HostConfig } from "dockerode";

/** What a container is for: only set-up has a network, only `prepare` is root. */
export type Phase = "agent" | "gate" | "setup" | "prepare";

export type ContainerSpec = {
  phase: Phase;
  image: string;
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  limits: SandboxLimits;
  labels: Readonly<Record<string, string>>;
};

/** The unprivileged user of every sandbox, whatever the image calls it. */
export const SANDBOX_UID = 10_001;
export const SANDBOX_USER = `${SANDBOX_UID}:${SANDBOX_UID}`;
export const WORKSPACE = "/workspace";
export const HOME = "/home/agent";
/** Where the factory's own files stand in a sandbox. */
export const FACTORY_FOLDER = `/opt/${PRODUCT}`;

const MIB = 1024 * 1024;
const HOSTNAME = "sandbox";

/** Limits and isolation of a container (reliability.md §2.1): no mount, no capability, no way up. */
export const hostConfig = ({
  phase,
  limits,
}: Pick<ContainerSpec, "phase" | "limits">): HostConfig => ({
  NetworkMode: phase === "setup" ? "bridge" : "none",
  CapDrop: ["ALL"],
  CapAdd: phase === "prepare" ? ["CHOWN", "DAC_OVERRIDE", "FOWNER"] : [],
  SecurityOpt: ["no-new-privileges:true"],
  Privileged: false,
  Init: true,
  IpcMode: "private",
  PidsLimit: limits.pids,
  Memory: limits.memoryMb * MIB,
  MemorySwap: limits.memoryMb * MIB,
  NanoCpus: Math.round(limits.cpus * 1e9),
  OomScoreAdj: 500,
  ShmSize: 64 * MIB,
  Ulimits: [
    { Name: "nofile", Soft: 8192, Hard: 8192 },
    { Name: "core", Soft: 0, Hard: 0 },
    { Name: "fsize", Soft: 1024 * MIB, Hard: 1024 * MIB },
  ],
  // what set-up leaves in /tmp would be lost from a tmpfs at no gain, and count as memory
  Tmpfs: phase === "setup" || phase === "prepare" ? {} : tmpfs(limits),
  ExtraHosts: [`${HOSTNAME}:127.0.0.1`],
  Binds: [],
  Mounts: [],
  // output is read from the attached stream; the engine keeps none on the host's disk
  LogConfig: { Type: "none", Config: {} },
  RestartPolicy: { Name: "" },
  AutoRemove: false,
});

const tmpfs = (limits: SandboxLimits): Record<string, string> => ({
  "/tmp": `rw,exec,nosuid,nodev,mode=1777,size=${Math.floor(limits.memoryMb / 2)}m`,
});

/** The whole request that creates a container; nothing of the host's environment goes in. */
export const containerConfig = (spec: ContainerSpec): ContainerCreateOptions => ({
  Image: spec.image,
  // an entrypoint, so that the image's own one plays no part
  Entrypoint: [...spec.command],
  Cmd: [],
  User: spec.phase === "prepare" ? "0:0" : SANDBOX_USER,
  WorkingDir: WORKSPACE,
  Hostname: HOSTNAME,
  Env: variables({ ...standardEnv(spec.phase), ...spec.env }),
  Labels: { ...spec.labels },
  Tty: false,
  OpenStdin: spec.phase === "agent",
  StdinOnce: spec.phase === "agent",
  AttachStdin: spec.phase === "agent",
  AttachStdout: true,
  AttachStderr: true,
  StopTimeout: 2,
  Healthcheck: { Test: ["NONE"] },
  HostConfig: hostConfig(spec),
});

/** Set-up's own variables travel with its commands, for a committed image keeps those of its container. */
const standardEnv = (phase: Phase): Record<string, string> => {
  if (phase === "setup" || phase === "prepare") return {};
  return { HOME, LANG: "C.UTF-8", ...(phase === "gate" ? { CI: "true" } : {}) };
};

export const variables = (env: Readonly<Record<string, string>>): string[] =>
  Object.entries(env).map(([name, value]) => `${name}=${value}`);
