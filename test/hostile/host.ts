import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HostileTreeError, UserError } from "@headrace/domain";
import { tempDir } from "../support/git.ts";
import type { HostAnswer, HostJob } from "./host-process.ts";

const PROGRAM = fileURLToPath(new URL("host-process.ts", import.meta.url));

/** What the factory asks of git; another subcommand, or another program, is an execution nobody allowed. */
const GIT_COMMANDS = new Set(
  (
    "cat-file commit-tree config count-objects diff-tree fsck for-each-ref gc hash-object index-pack init log " +
    "ls-files ls-tree merge-base merge-tree pack-objects pack-refs prune read-tree reflog repack rev-list rev-parse " +
    "show-ref status symbolic-ref unpack-objects update-ref version worktree write-tree"
  ).split(" "),
);

/** The factory's git work in a process of its own, whose children strace watches where there is one. */
export type HostProcess = AsyncDisposable & {
  /** Opens, reads, packs and exports to a repository of a user; resolves with what was noted. */
  userRepository(dir: string): Promise<string>;
  /** Takes a commit in; a base unless it is a change of one that was taken in by the same `data`. */
  takeIn(pack: Uint8Array, commit: string, on?: { data: string; base: string }): Promise<string>;
  /** a data directory for `takeIn` of changes, with `base` in it */
  withBase(pack: Uint8Array, base: string): Promise<string>;
  /** how often git was seen to run below it, and what else ran; undefined: there is no strace, and nobody saw */
  executions(): Promise<{ git: number; unlisted: string[] } | undefined>;
};

/** In CI on Linux nothing goes unseen; a Mac has no strace. */
const hasStrace = (): boolean => {
  const there = spawnSync("strace", ["-V"]).status === 0;
  if (!there && process.env.CI === "true" && process.platform === "linux")
    throw new Error("strace is missing, so nobody would see what runs: apt-get install strace");
  return there;
};

const start = (log: string | undefined): ChildProcess => {
  const tracing =
    log === undefined
      ? {}
      : {
          execPath: "strace",
          execArgv: [
            "-ff",
            "--seccomp-bpf",
            "-qq",
            "-s",
            "200",
            "-e",
            "trace=execve",
            "-o",
            log,
            process.execPath,
          ],
        };
  return fork(PROGRAM, [], { ...tracing, stdio: ["ignore", "ignore", "inherit", "ipc"] });
};

/** `execve("/usr/bin/git", ["git", "rev-parse", ...]...) = 0` -> "git", or what is wrong with it. */
const judge = (line: string): string | undefined => {
  const [, program = "", args = ""] = /execve\("([^"]+)", \[(.*?)\].*= 0$/.exec(line) ?? [];
  if (program === "" || program === process.execPath) return undefined;
  const words = [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = ""]) => word);
  const command = words.slice(1).find((word) => !word.startsWith("-")) ?? words[1] ?? "";
  if (/\/git(?:-core\/git)?$/.test(program) && GIT_COMMANDS.has(command)) return "git";
  if (/\/git$/.test(program) && command === "--version") return "git";
  return `${program} ${words.slice(1).join(" ")}`;
};

const errorOf = ({ name, message }: HostAnswer): Error => {
  if (name === HostileTreeError.name) return new HostileTreeError([message]);
  if (name === UserError.name) return new UserError(message);
  return Object.assign(new Error(message), { name });
};

export const startHostProcess = async (): Promise<HostProcess> => {
  const closing = new AsyncDisposableStack();
  const dir = closing.use(await tempDir("headrace-host-"));
  const log = hasStrace() ? join(dir.path, "execve") : undefined;
  const child = start(log);
  const waiting = new Map<number, (answer: HostAnswer) => void>();
  let jobs = 0;
  child.on("message", (answer: HostAnswer) => waiting.get(answer.id)?.(answer));
  child.on("exit", (code) => {
    for (const [id, tell] of waiting)
      tell({ id, ok: false, name: "Error", message: `the host process ended with ${code}` });
  });
  const perform = async (job: HostJob): Promise<string> => {
    const id = ++jobs;
    const answered = new Promise<HostAnswer>((resolve) => void waiting.set(id, resolve));
    child.send({ id, job });
    const answer = await answered;
    waiting.delete(id);
    if (!answer.ok) throw errorOf(answer);
    return answer.message;
  };
  const fresh = () => mkdtemp(join(dir.path, "data-"));
  const takeIn: HostProcess["takeIn"] = async (bytes, commit, on) => {
    const data = on?.data ?? (await fresh());
    const pack = join(data, "in.pack");
    await writeFile(pack, bytes);
    const base = on === undefined ? {} : { base: on.base };
    return perform({ do: "take-in", data, pack, commit, ...base });
  };
  closing.defer(async () => {
    const ended = new Promise((resolve) => void child.once("exit", resolve));
    child.disconnect();
    await ended;
  });
  return {
    takeIn,
    async userRepository(repository) {
      const data = await fresh();
      try {
        return await perform({ do: "user-repository", dir: repository, data });
      } finally {
        await rm(data, { recursive: true, force: true });
      }
    },
    async withBase(pack, base) {
      const data = await fresh();
      await writeFile(join(data, "in.pack"), pack);
      await perform({ do: "take-in", data, pack: join(data, "in.pack"), commit: base });
      return data;
    },
    async executions() {
      if (log === undefined) return undefined;
      // one file for each process, so that no line is cut by another's
      const files = (await readdir(dir.path)).filter((name) => name.startsWith("execve."));
      const texts = await Promise.all(files.map((name) => readFile(join(dir.path, name), "utf8")));
      const seen = texts.flatMap((text) => text.split("\n")).flatMap((line) => judge(line) ?? []);
      const unlisted = seen.filter((what) => what !== "git");
      return { git: seen.length - unlisted.length, unlisted };
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
};
