import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { COMMITTER, InfrastructureError, UserError } from "@headrace/domain";
import { simpleGit } from "simple-git";

/** A git command ended with an exit code nobody expected. */
export class GitError extends Error {
  override readonly name = "GitError";
  readonly code: number | null;
  readonly stderr: string;
  constructor(
    args: readonly string[],
    code: number | null,
    stderr: string,
    options?: ErrorOptions,
  ) {
    super(`git ${args[0]} failed (exit ${code ?? "none"}): ${stderr.trim().slice(-2000)}`, options);
    this.code = code;
    this.stderr = stderr;
  }
}

/** `sealed`: nothing but git itself acts. `user`: the person's own configuration acts, except hooks (land only). */
export type Profile = "sealed" | "user";

/** Where git runs. The directories are always named, so git discovers nothing by itself. */
export type Place = {
  gitDir: string;
  workTree?: string;
  env?: Readonly<Record<string, string>>;
  config?: ReadonlyArray<readonly [key: string, value: string]>;
  profile?: Profile;
};

type RunOptions = {
  stdin?: Uint8Array | string;
  timeoutMs?: number;
  maxBytes?: number;
  /** end the command quietly at `maxBytes` instead of failing */
  truncate?: boolean;
  /** exit codes that are answers, not failures */
  ok?: readonly number[];
  env?: Readonly<Record<string, string>>;
};
export type RunResult = { code: number | null; stdout: Buffer; stderr: string; truncated: boolean };

const DEFAULT_TIMEOUT_MS = 120_000;
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;
const MAX_STDERR = 64 * 1024;

/** Nothing in here may start a program, ask a question, reach a network or change what a commit means. */
const SEALED_CONFIG: ReadonlyArray<readonly [string, string]> = [
  ["core.attributesFile", "/dev/null"],
  ["core.excludesFile", "/dev/null"],
  ["core.askPass", "/bin/false"],
  ["core.sshCommand", "/bin/false"],
  ["core.editor", "/bin/false"],
  ["core.pager", "cat"],
  ["core.commitGraph", "false"],
  ["credential.helper", ""],
  ["protocol.allow", "never"],
  ["commit.gpgSign", "false"],
  ["log.showSignature", "false"],
  ["safe.bareRepository", "explicit"],
  ["core.protectHFS", "true"],
  ["core.protectNTFS", "true"],
];

const ALWAYS_CONFIG: ReadonlyArray<readonly [string, string]> = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.fsync", "all"],
  ["gc.auto", "0"],
  ["maintenance.auto", "false"],
];

const SEALED_ENV: Readonly<Record<string, string>> = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_ASKPASS: "/bin/false",
  GIT_SSH_COMMAND: "/bin/false",
  GIT_NO_LAZY_FETCH: "1",
  // overrides every protocol.<name>.allow a repository may set
  GIT_ALLOW_PROTOCOL: "none",
  GIT_NO_REPLACE_OBJECTS: "1",
  // a path that cannot exist: with an empty file git still warns about grafts
  GIT_GRAFT_FILE: "/dev/null/none",
  GIT_AUTHOR_NAME: COMMITTER.name,
  GIT_AUTHOR_EMAIL: COMMITTER.email,
  GIT_COMMITTER_NAME: COMMITTER.name,
  GIT_COMMITTER_EMAIL: COMMITTER.email,
};

const ALWAYS_ENV: Readonly<Record<string, string>> = {
  GIT_TERMINAL_PROMPT: "0",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_LITERAL_PATHSPECS: "1",
  GIT_EDITOR: "/bin/false",
  GIT_PAGER: "cat",
  LC_ALL: "C",
};

let found: string | undefined;

/** Absolute path of the git that is on the caller's PATH; relative entries of PATH are not searched. */
const gitBinary = (): string => {
  if (found !== undefined) return found;
  for (const dir of (process.env.PATH ?? "").split(delimiter).filter(isAbsolute)) {
    try {
      accessSync(join(dir, "git"), constants.X_OK);
      found = join(dir, "git");
      return found;
    } catch {
      // not in this directory
    }
  }
  throw new UserError("git is not installed", "Install git 2.39 or newer.");
};

/** The person's environment, without what would point git somewhere else. */
const personalEnv = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith("GIT_"),
    ),
  );

const environment = (place: Place, extra: Readonly<Record<string, string>>) => {
  const sealed = (place.profile ?? "sealed") === "sealed";
  const config = [
    ...ALWAYS_CONFIG,
    ...(sealed ? SEALED_CONFIG : []),
    ["safe.directory", place.workTree ?? place.gitDir] as const,
    ...(place.config ?? []),
  ];
  const env: Record<string, string> = {
    ...(sealed
      ? { HOME: homedir(), TMPDIR: tmpdir(), PATH: `${dirname(gitBinary())}:/usr/bin:/bin` }
      : personalEnv()),
    ...(sealed ? SEALED_ENV : {}),
    ...ALWAYS_ENV,
    GIT_DIR: place.gitDir,
    ...(place.workTree === undefined ? {} : { GIT_WORK_TREE: place.workTree }),
    GIT_CONFIG_COUNT: String(config.length),
    ...place.env,
    ...extra,
  };
  for (const [index, [key, value]] of config.entries()) {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return env;
};

/** The only place that builds a simple-git: its guards refuse the very flags that disarm a repository. */
const textClient = (cwd: string, env: Record<string, string>, abort: AbortSignal) =>
  simpleGit({
    baseDir: cwd,
    binary: gitBinary(),
    abort,
    allowEnvironment: Object.keys(env),
    errors: (error, { exitCode, stdErr, stdOut }) =>
      error ?? (exitCode === 0 ? undefined : Buffer.concat(stdErr.length > 0 ? stdErr : stdOut)),
    unsafe: {
      allowUnsafeAskPass: true,
      allowUnsafeConfigEnvCount: true,
      allowUnsafeConfigPaths: true,
      allowUnsafeEditor: true,
      allowUnsafeFsMonitor: true,
      allowUnsafeHooksPath: true,
      allowUnsafePager: true,
      allowUnsafeSshCommand: true,
      allowUnsafeTemplateDir: true,
      allowUnsafeCredentialHelper: true,
      allowUnsafeProtocolOverride: true,
    },
  }).env(env);

export type Git = {
  /** A command whose answer is text; throws `GitError` unless it exits 0. */
  text(
    args: readonly string[],
    options?: { timeoutMs?: number; maxBytes?: number },
  ): Promise<string>;
  /** A command with stdin, binary output or a meaningful exit code. */
  run(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** A command that goes on running; its bounds are the caller's. */
  start(args: readonly string[]): ChildProcessWithoutNullStreams;
};

/** Git at one place. Every call has a time limit and an output limit; past them it throws `InfrastructureError`. */
export const gitAt = (place: Place): Git => ({
  text: (args, options = {}) => text(place, args, options),
  run: (args, options = {}) => run(place, args, options),
  start: (args) => start(place, args, {}),
});

const text = async (
  place: Place,
  args: readonly string[],
  { timeoutMs = DEFAULT_TIMEOUT_MS, maxBytes = DEFAULT_MAX_BYTES }: RunOptions,
): Promise<string> => {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(`${timeoutMs} ms`), timeoutMs);
  const client = textClient(place.workTree ?? place.gitDir, environment(place, {}), stop.signal);
  let bytes = 0;
  client.outputHandler((_command, stdout) => {
    stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) stop.abort(`${maxBytes} bytes of output`);
    });
  });
  try {
    return await client.raw([...args]);
  } catch (cause) {
    if (stop.signal.aborted)
      throw new InfrastructureError(`git ${args[0]} passed its limit of ${stop.signal.reason}`, {
        cause,
      });
    throw new GitError(args, null, cause instanceof Error ? cause.message : String(cause), {
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
};

export const killGroup = (pid: number | undefined): void => {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // it ended by itself
  }
};

/** In a group of its own: a filter or a packer git starts dies with it, and Ctrl-C in a terminal is not for it. */
const start = (place: Place, args: readonly string[], env: Readonly<Record<string, string>>) =>
  spawn(gitBinary(), args, {
    cwd: place.workTree ?? place.gitDir,
    env: environment(place, env),
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });

const run = (place: Place, args: readonly string[], options: RunOptions): Promise<RunResult> => {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, maxBytes = DEFAULT_MAX_BYTES } = options;
  const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
  const child = start(place, args, options.env ?? {});
  const out: Buffer[] = [];
  let size = 0;
  let stderr = "";
  let limit: string | undefined;
  const stop = (reason: string) => {
    limit ??= reason;
    killGroup(child.pid);
  };
  const timer = setTimeout(() => stop(`${timeoutMs} ms`), timeoutMs);
  child.stdout.on("data", (chunk: Buffer) => {
    out.push(chunk.subarray(0, Math.max(0, maxBytes - size)));
    size += chunk.length;
    if (size > maxBytes) stop("output");
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr = (stderr + chunk).slice(-MAX_STDERR);
  });
  // git may end without reading all of its input; its exit code tells why
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  child.on("error", (cause) => {
    clearTimeout(timer);
    reject(new InfrastructureError(`git could not be started: ${cause.message}`, { cause }));
  });
  child.on("close", (code) => {
    clearTimeout(timer);
    const truncated = limit === "output" && options.truncate === true;
    if (limit !== undefined && !truncated)
      reject(new InfrastructureError(`git ${args[0]} passed its limit of ${limit}`));
    else if (truncated || (options.ok ?? [0]).includes(code ?? -1))
      resolve({ code, stdout: Buffer.concat(out), stderr, truncated });
    else if (stderr.includes("No space left on device"))
      reject(new InfrastructureError(`git ${args[0]}: the disk is full`));
    else reject(new GitError(args, code, stderr));
  });
  return promise;
};
