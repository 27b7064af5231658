import type { EgressRequest, NetworkPhase, UnreachedHost } from "../network.ts";
import type { Isolation, SandboxLimits, Service } from "../policy.ts";

/** The unprivileged user of every sandbox, whatever its image calls it; the files of a tree that enters are theirs. */
export const SANDBOX_UID = 10_001;

export type EngineInfo = {
  kind: "docker" | "bubblewrap";
  version: string;
  apiVersion: string;
  os: string;
  arch: string;
  cpus: number;
  memoryBytes: number;
  rootless: boolean;
  /** whether a container's root is an unprivileged user of the host */
  userns: boolean;
  /** names of the runtimes it offers besides its default one, `runsc` for gVisor */
  runtimes: string[];
  warnings: string[];
};

/** Files that setup sees: manifests and lockfiles of one commit. */
export type SetupFile = { path: string; bytes: Uint8Array; executable: boolean };

/** A repository's own Dockerfile, which a person allowed, with all that its build sees; of the run's base alone. */
export type ImageBuild = {
  /** path of the Dockerfile among `files` */
  dockerfile: string;
  files: readonly SetupFile[];
};

export type EnvironmentSpec = {
  /** undefined: this installation's base image */
  image: string | undefined;
  /** in the place of an image: builds one with the network of the engine, once for the same content */
  build?: ImageBuild;
  setup: readonly string[];
  files: readonly SetupFile[];
  env: Readonly<Record<string, string>>;
  limits: SandboxLimits;
  isolation?: Isolation;
  /** hosts that set-up may reach through the egress proxy, besides the package registries */
  hosts?: readonly string[];
  /** whose share of the machine building takes */
  run?: string;
  timeoutMs: number;
};

/** What is told while an environment is built or a sandbox has a network. */
export type SandboxWatch = {
  onLine?(line: string): void;
  onRequest?(request: EgressRequest): void;
};

/** An image with the workspace prepared: what setup installed, ready to work offline. */
export type Environment = {
  image: string;
  cached: boolean;
  durationMs: number;
  log: string;
  /** variables that the image itself gives to agents and gates, where theirs do not take their place */
  env?: Readonly<Record<string, string>>;
};

/** Setup failed by its own exit code: the repository's or the user's fault, told with its output. */
export class SetupFailedError extends Error {
  override readonly name = "SetupFailedError";
  readonly command: string;
  readonly exitCode: number | null;
  readonly log: string;
  /** hosts that no list allows and that set-up asked for */
  readonly refused: readonly string[];
  /** hosts that were refused for another reason, or did not answer */
  readonly unreached: readonly UnreachedHost[];
  constructor(
    command: string,
    exitCode: number | null,
    log: string,
    refused: readonly string[] = [],
    unreached: readonly UnreachedHost[] = [],
  ) {
    super(`setup command failed (exit ${exitCode ?? "none"}): ${command}`);
    this.command = command;
    this.exitCode = exitCode;
    this.log = log;
    this.refused = refused;
    this.unreached = unreached;
  }
}

/** A sandbox was ended because it passed a limit that is its content's doing, not the machine's. */
export class SandboxLimitError extends Error {
  override readonly name = "SandboxLimitError";
  readonly limit: "disk" | "inodes";
  constructor(limit: "disk" | "inodes", message: string) {
    super(message);
    this.limit = limit;
  }
}

export type SandboxLabels = { run: string; step: string };

export type SandboxSpec = {
  image: string;
  limits: SandboxLimits;
  env: Readonly<Record<string, string>>;
  labels: SandboxLabels;
  isolation?: Isolation;
  /** started before it, fresh, and removed with it */
  services?: readonly Service[];
  /**
   * absent: no network at all. Present: the egress proxy on 127.0.0.1:3128, for these hosts and the registries. Its
   * requests are recorded as of `phase`, research when absent
   */
  network?: {
    phase?: NetworkPhase;
    hosts: readonly string[];
    onRequest?: (request: EgressRequest) => void;
  };
};

/** What a sandbox and the services beside it are made with. */
export type SandboxMeans = Pick<SandboxSpec, "limits" | "services">;

export type ExecResult = {
  /** null: ended by a signal or the timeout */
  exitCode: number | null;
  timedOut: boolean;
  oomKilled: boolean;
  /** ended by the watcher of disk use */
  exceeded?: "disk" | "inodes";
  /** stdout and stderr interleaved as they came, head and tail kept */
  output: string;
  /** bytes the command printed in all */
  outputBytes: number;
  truncated: boolean;
  durationMs: number;
};

/** What a gate left in the folder it was to be collected from, as bytes: nothing of it was extracted or followed. */
export type Collected = {
  /** regular files that lie in the folder itself under plain names of ASCII letters, digits and `._:$-` */
  files: { name: string; bytes: Uint8Array }[];
  /** there was more than was to be collected: some files are missing here */
  cut: boolean;
};

/** `collected` where it was asked for and the command ended by itself; undefined when the folder is gone. */
export type GateEnd = ExecResult & { collected?: Collected };

export type GateSpec = Omit<SandboxSpec, "network"> & {
  /** run with `sh -c` in the workspace */
  command: string;
  /** the tree, as `FactoryRepo.tar` builds it; enters through the archive endpoint */
  tar: Uint8Array;
  /**
   * Files of the factory's own outside the workspace: `path` is made before the start and `tar` extracted in it. The
   * gate's user writes only what the modes of the tar's entries leave to others; `path` is no folder of the image.
   */
  beside?: { path: string; tar: Uint8Array };
  /** a folder below `beside`'s path that the gate may write, read after the end as the hostile thing it is */
  collect?: { path: string; maxBytes: number; maxFiles: number };
  timeoutMs: number;
  maxOutputBytes: number;
};

/**
 * One agent's workspace, spoken to over one attached stream; it holds no key. Everything it answers is untrusted.
 * Closing it removes the container. A lost container throws `InfrastructureError`; one that was ended for what it
 * wrote to disk throws `SandboxLimitError`.
 */
export interface Sandbox extends AsyncDisposable {
  readonly id: string;
  /** Fills the workspace with the tree of `commit` from its pack, as a fresh repository without history. */
  checkout(pack: Uint8Array, commit: string): Promise<void>;
  /** Runs `sh -c command` in the workspace in a process group of its own, killed whole at the timeout. */
  exec(
    command: string,
    options: { timeoutMs: number; maxOutputBytes: number; signal?: AbortSignal },
  ): Promise<ExecResult>;
  /** Bytes of a file; undefined where there is no regular file. Relative paths start at the workspace. */
  read(path: string, maxBytes: number): Promise<{ bytes: Uint8Array; size: number } | undefined>;
  /** Writes a file, making its folders; throws an Error whose message is for the model. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /**
   * The workspace, ignored files left out, as a commit on `parent`, with a pack of what `parent` lacks. Where there is
   * a network, lockfiles first get back their registries' own addresses.
   */
  snapshot(parent: string): Promise<{ pack: Uint8Array; commit: string }>;
}

export interface Sandboxes {
  describe(): Promise<EngineInfo>;
  /**
   * The means that sandboxes are made with where these are asked for: the same, or what there is. `open`, `runGate` and
   * `environment` see to it themselves.
   */
  affordable(asked: SandboxMeans): Promise<SandboxMeans>;
  /** Checks a custom image's contract (glibc, sh, git) and throws `UserError` naming what is missing. */
  environment(
    spec: EnvironmentSpec,
    watch: SandboxWatch,
    signal?: AbortSignal,
  ): Promise<Environment>;
  /**
   * A hint that sandboxes of this kind will be asked for soon: one may be started ahead, within the machine's means.
   * Never fails and never waits; what nobody takes is removed after a while.
   */
  warm(spec: SandboxSpec): void;
  /** Waits its turn where the machine has no room; turns are shared fairly between runs. */
  open(spec: SandboxSpec, signal?: AbortSignal): Promise<Sandbox>;
  /** One fresh container whose command is the gate; exit code, OOM and timeout come from the engine. */
  runGate(spec: GateSpec, signal?: AbortSignal): Promise<GateEnd>;
  /** Removes containers of this owner that no live process of this boot holds; returns how many. */
  reap(): Promise<number>;
  /** Removes environment images that are older or more than is kept; returns the bytes that were freed. */
  evict(): Promise<number>;
  close(): Promise<void>;
}
