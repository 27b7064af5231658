import { spawn, spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { COMMITTER, type ExecResult, type Sandbox } from "@headrace/domain";
import { gitBytes, tempDir } from "./git.ts";

/** Equal trees on equal parents give equal commits, as the port's implementations do. */
const DATE = "946684800 +0000";

/**
 * A sandbox for tests of what stands above the port: a real folder, a real shell and real git, and no isolation at
 * all. Its `/tmp` and `/workspace` lie in a temporary directory that goes with it.
 */
export const folderSandbox = async (): Promise<Sandbox> => {
  const root = await tempDir("headrace-sandbox-");
  const workspace = join(root.path, "workspace");
  const store = join(root.path, "store");
  await mkdir(workspace);
  await mkdir(join(root.path, "tmp"));
  const at = (path: string): string =>
    isAbsolute(path) ? join(root.path, path) : join(workspace, path);
  const git = (...args: string[]) => inStore(store, workspace, args);
  return {
    id: root.path,
    async checkout(pack, commit) {
      gitBytes(root.path, ["init", "--quiet", "--bare", store]);
      gitBytes(store, ["index-pack", "--stdin"], pack);
      git("read-tree", commit);
      git("checkout-index", "--all", "--force");
    },
    exec: (command, options) => run(command, { cwd: workspace, tmp: at("/tmp"), ...options }),
    async read(path, maxBytes) {
      const bytes = await readFile(at(path)).catch(() => undefined);
      return bytes && { bytes: new Uint8Array(bytes.subarray(0, maxBytes)), size: bytes.length };
    },
    async write(path, bytes) {
      await mkdir(dirname(at(path)), { recursive: true }).catch(unwritable(path));
      await writeFile(at(path), bytes).catch(unwritable(path));
    },
    async snapshot(parent) {
      git("add", "--all", ".");
      const tree = git("write-tree");
      const commit = git("commit-tree", tree, "-p", parent, "-m", "snapshot");
      const wanted = `${commit}\n^${parent}\n`;
      const pack = gitBytes(store, ["pack-objects", "--revs", "--stdout", "-q"], wanted);
      return { commit, pack: new Uint8Array(pack) };
    },
    [Symbol.asyncDispose]: () => root[Symbol.asyncDispose](),
  };
};

/** As in a container: what is wrong with a path is a plain Error for the model. */
const unwritable = (path: string) => (error: Error) => {
  throw new Error(`${path}: ${error.message}`);
};

const inStore = (store: string, workspace: string, args: string[]): string => {
  const who = (role: string) => ({
    [`GIT_${role}_NAME`]: COMMITTER.name,
    [`GIT_${role}_EMAIL`]: COMMITTER.email,
    [`GIT_${role}_DATE`]: DATE,
  });
  const done = spawnSync("git", [`--git-dir=${store}`, `--work-tree=${workspace}`, ...args], {
    cwd: workspace,
    env: {
      PATH: process.env.PATH,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      ...who("AUTHOR"),
      ...who("COMMITTER"),
    },
  });
  if (done.status !== 0) throw new Error(`git ${args.join(" ")}: ${done.stderr}`);
  return done.stdout.toString().trim();
};

type RunOptions = {
  cwd: string;
  tmp: string;
  timeoutMs: number;
  maxOutputBytes: number;
  signal?: AbortSignal;
};

const run = (command: string, options: RunOptions): Promise<ExecResult> => {
  const { cwd, tmp, timeoutMs, maxOutputBytes, signal } = options;
  signal?.throwIfAborted();
  const started = performance.now();
  const child = spawn("sh", ["-c", `exec 2>&1; ${command}`], {
    cwd,
    detached: true,
    env: { PATH: process.env.PATH, TMPDIR: tmp },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const chunks: Buffer[] = [];
  let timedOut = false;
  const kill = () => child.pid !== undefined && process.kill(-child.pid, "SIGKILL");
  const timer = setTimeout(() => {
    timedOut = true;
    kill();
  }, timeoutMs);
  signal?.addEventListener("abort", kill, { once: true });
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", kill);
      if (signal?.aborted) return reject(signal.reason);
      const all = Buffer.concat(chunks);
      resolve({
        exitCode,
        timedOut,
        oomKilled: false,
        output: all.subarray(0, maxOutputBytes).toString("utf8"),
        outputBytes: all.length,
        truncated: all.length > maxOutputBytes,
        durationMs: Math.round(performance.now() - started),
      });
    });
  });
};
