import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { InfrastructureError } from "@headrace/domain";
import { z } from "zod";
import type { Cgroup } from "./cgroups.ts";
import type { Host } from "./host.ts";
import { FD, hostCommand, type Jail, jailArguments } from "./jail.ts";
import { HOST_PATH, runProgram } from "./programs.ts";
import { give } from "./room.ts";

const STDERR_CHARS = 2000;
/**
 * What can be read in the sandbox, as it is bwrap's own. A bash whose stdin is a socket, as Node's pipes are, takes
 * itself for a remote login and reads its person's .bashrc, unless it is told that it is none.
 */
const ENVIRONMENT = {
  PATH: HOST_PATH,
  SHLVL: "2",
};
const STATUS_CHARS = 10_000;
const ExitStatus = z.object({ "exit-code": z.int() });

export type JailedCommand = {
  host: Host;
  cgroup: Cgroup;
  jail: Jail;
  command: readonly string[];
  stdin: boolean;
};

/** A command in a sandbox; when it ends, everything it started is ended by the kernel. */
export type JailedProcess = {
  stdin: Writable | undefined;
  stdout: Readable;
  stderr: Readable;
  /** the exit code as bwrap tells it; undefined: killed, or never started. Rejects where the host's programs fail. */
  ended: Promise<number | undefined>;
  /** what was last said on stderr, by bwrap itself where it could not start the command */
  said: () => string;
  kill: () => void;
};

export const startJailed = async (options: JailedCommand): Promise<JailedProcess> => {
  const { host, cgroup, jail, command } = options;
  const [file = "", ...args] = hostCommand({
    entrances: cgroup.entrances,
    maxFiles: host.maxFiles,
    command,
  });
  const fifo = join(jail.room, "output");
  const output = await openFifo(fifo);
  // nobody needs its name
  await rm(fifo);
  const seccomp = openSync(host.seccomp, constants.O_RDONLY);
  try {
    const child = spawn(file, args, {
      cwd: "/",
      env: ENVIRONMENT,
      stdio: [options.stdin ? "pipe" : "ignore", output.writer, "pipe", "pipe", seccomp, "pipe"],
    });
    return follow(child, output.reader, `${jailArguments(jail).join("\0")}\0`);
  } finally {
    closeSync(seccomp);
    closeSync(output.writer);
  }
};

const follow = (child: ChildProcess, output: number, jailArgs: string): JailedProcess => {
  const ended = Promise.withResolvers<void>();
  // what cannot be started is told to who asks, which may be later or never
  ended.promise.catch(() => {});
  child.on("error", (cause) => {
    ended.reject(new InfrastructureError("a sandbox cannot be started", { cause }));
  });
  // the types know of five descriptors, an array of any number
  const pipes: readonly unknown[] = child.stdio;
  const status = collect(pipes[FD.status] as Readable, STATUS_CHARS);
  const stderr = child.stderr as Readable;
  const said = collect(stderr, STDERR_CHARS);
  child.on("close", () => ended.resolve());
  // a stream that nobody reads would keep the child from being closed
  stderr.resume();
  const argumentsTo = pipes[FD.arguments] as Writable;
  argumentsTo.on("error", () => {});
  argumentsTo.end(jailArgs);
  return {
    stdin: child.stdin ?? undefined,
    stdout: new Socket({ fd: output, readable: true, writable: false }),
    stderr,
    ended: ended.promise.then(() => exitCodeIn(status())),
    said,
    kill: () => void child.kill("SIGKILL"),
  };
};

/** Keeps the last `limit` characters of a stream. */
const collect = (stream: Readable, limit: number): (() => string) => {
  let text = "";
  stream.on("error", () => {});
  stream.on("data", (chunk: Buffer) => {
    text = `${text}${chunk}`.slice(-limit);
  });
  return () => text.trim();
};

/** bwrap writes one object a line; nothing in the sandbox holds the descriptor. */
const exitCodeIn = (status: string): number | undefined => {
  for (const line of status.split("\n")) {
    try {
      const parsed = ExitStatus.safeParse(JSON.parse(line));
      if (parsed.success) return parsed.data["exit-code"];
    } catch {}
  }
  return undefined;
};

/** A named pipe and both its ends: Node's own pipes are sockets, which `echo > /dev/stdout` cannot open. */
export const openFifo = async (path: string): Promise<{ reader: number; writer: number }> => {
  const { code, stderr } = await runProgram(["mkfifo", "-m", "600", path]);
  if (code !== 0) throw new InfrastructureError(`a sandbox cannot be started: ${stderr}`);
  await give(path);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: openSync(path, constants.O_WRONLY) };
};
