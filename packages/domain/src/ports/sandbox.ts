import type { SandboxLimits } from "../policy.ts";

export type EngineInfo = {
  kind: "docker";
  version: string;
  apiVersion: string;
  os: string;
  arch: string;
  cpus: number;
  memoryBytes: number;
  rootless: boolean;
  warnings: string[];
};

/** Files that setup sees: manifests and lockfiles of one commit. */
export type SetupFile = { path: string; bytes: Uint8Array; executable: boolean };

export type EnvironmentSpec = {
  /** undefined: this installation's base image */
  image: string | undefined;
  setup: readonly string[];
  files: readonly SetupFile[];
  env: Readonly<Record<string, string>>;
  limits: SandboxLimits;
  timeoutMs: number;
};

/** An image with the workspace prepared: what setup installed, ready to work offline. */
export type Environment = { image: string; cached: boolean; durationMs: number; log: string };

/** Setup failed by its own exit code: the repository's or the user's fault, told with its output. */
export class SetupFailedError extends Error {
  override readonly name = "SetupFailedError";
  readonly command: string;
  readonly exitCode: number | null;
  readonly log: string;
  constructor(command: string, exitCode: number | null, log: string) {
    super(`setup command failed (exit ${exitCode ?? "none"}): ${command}`);
    this.command = command;
    this.exitCode = exitCode;
    this.log = log;
  }
}

export type SandboxLabels = { run: string; step: string };

export type SandboxSpec = {
  image: string;
  limits: SandboxLimits;
  env: Readonly<Record<string, string>>;
  labels: SandboxLabels;
};

export type ExecResult = {
  /** null: ended by a signal or the timeout */
  exitCode: number | null;
  timedOut: boolean;
  oomKilled: boolean;
  /** stdout and stderr interleaved as they came, head and tail kept */
  output: string;
  /** bytes the command printed in all */
  outputBytes: number;
  truncated: boolean;
  durationMs: number;
};

export type GateSpec = SandboxSpec & {
  /** run with `sh -c` in the workspace */
  command: string;
  /** the tree, as `FactoryRepo.tar` builds it; enters through the archive endpoint */
  tar: Uint8Array;
  timeoutMs: number;
  maxOutputBytes: number;
};

/**
 * One agent's workspace, spoken to over one attached stream; it has no network and no key. Everything it answers
 * is untrusted. Closing it removes the container. A lost container throws `InfrastructureError`.
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
  /** The workspace, ignored files left out, as a commit on `parent`, with a pack of what `parent` lacks. */
  snapshot(parent: string): Promise<{ pack: Uint8Array; commit: string }>;
}

export interface Sandboxes {
  describe(): Promise<EngineInfo>;
  /** Checks a custom image's contract (glibc, sh, git) and throws `UserError` naming what is missing. */
  environment(
    spec: EnvironmentSpec,
    onLine: (line: string) => void,
    signal?: AbortSignal,
  ): Promise<Environment>;
  open(spec: SandboxSpec, signal?: AbortSignal): Promise<Sandbox>;
  /** One fresh container whose command is the gate; exit code, OOM and timeout come from the engine. */
  runGate(spec: GateSpec, signal?: AbortSignal): Promise<ExecResult>;
  /** Removes containers of this owner that no live process of this boot holds; returns how many. */
  reap(): Promise<number>;
  close(): Promise<void>;
}
