import { spawn } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, unlinkSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { BoundedOutput } from "./bounded-output.mjs";
import { run } from "./helper.mjs";
import { endCommand, MARK, startTimeOf } from "./processes.mjs";

/** How long output may trail the end of a command whose background processes hold it open. */
const TRAILING_MS = 200;
/** In an out-of-memory the kernel takes the command before the supervisor. */
const WRAPPER = 'echo 1000 > /proc/self/oom_score_adj; exec /bin/sh -c "$1"';

let commands = 0;
let environment = {};

/** What commands have in their environment besides the supervisor's own, which none of it reaches. */
export function setEnvironment(variables) {
  environment = variables;
}

/** Runs a command in a session of its own; at the timeout or abort all it started is killed. */
export async function runCommand({ command, timeoutMs, maxOutputBytes }, signal) {
  commands += 1;
  const mark = String(commands);
  const pipe = await openPipe();
  const output = new BoundedOutput(maxOutputBytes);
  const outOfMemory = oomKills();
  let collecting = true;
  // before the start: what cannot be started closes its end, and the pipe is used again
  const drained = drain(pipe, (chunk) => collecting && output.push(chunk));
  const child = start(command, mark, pipe);
  const job = { mark, group: child.pid, since: startTimeOf(child.pid) };
  const ended = new Promise((resolve, reject) => {
    child.on("exit", resolve);
    child.on("error", reject);
  });
  let cut;
  const cutOff = (why) => {
    cut ??= { why, done: endCommand(job) };
  };
  const timer = setTimeout(cutOff, timeoutMs, "timeout");
  const onAbort = () => cutOff("cancelled");
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const exitCode = await ended;
    clearTimeout(timer);
    await cut?.done;
    await Promise.race([drained, sleep(TRAILING_MS)]);
    // where this loop was held up, the time is over before anything was read: what the command wrote is in the pipe
    await turn();
    return {
      exitCode: cut === undefined ? exitCode : null,
      timedOut: cut?.why === "timeout",
      oomKilled: oomKills() > outOfMemory,
      ...taken(output),
    };
  } finally {
    clearTimeout(timer);
    collecting = false;
    signal.removeEventListener("abort", onAbort);
  }
}

function start(command, mark, pipe) {
  try {
    return spawn("/bin/sh", ["-c", WRAPPER, "sh", command], {
      detached: true,
      stdio: ["ignore", pipe.writer, pipe.writer],
      env: { ...process.env, ...environment, [MARK]: mark },
    });
  } finally {
    closeSync(pipe.writer);
  }
}

/** `O_PATH`: names a file without opening it, so that it is neither a reader nor a writer of a pipe. */
const O_PATH = 0o10000000;
const pipes = [];

/**
 * One fifo for stdout and stderr, so that they stay in order; Node's own pipes are sockets, which
 * `echo > /dev/stderr` cannot open. It has no name any more, and is used again once nobody holds its ends.
 */
async function openPipe() {
  const fifo = pipes.pop() ?? (await makeFifo());
  const path = `/proc/self/fd/${fifo}`;
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { fifo, reader, writer: openSync(path, constants.O_WRONLY) };
}

async function makeFifo() {
  const path = join(tmpdir(), `.sandbox-output-${commands}`);
  await run("mkfifo", ["-m", "600", path]);
  const fifo = openSync(path, O_PATH);
  unlinkSync(path);
  return fifo;
}

/** Reads to the end even when nobody collects any more: a background process must not die of SIGPIPE. */
function drain({ fifo, reader }, onChunk) {
  return new Promise((resolve) => {
    const socket = new Socket({ fd: reader, readable: true, writable: false });
    socket.on("data", onChunk).on("error", resolve).on("close", resolve);
    // the end comes when the last writer is gone
    socket.on("close", () => pipes.push(fifo));
  });
}

function taken(output) {
  const { bytes, total, truncated } = output.take();
  return { outputBytes: total, truncated, body: bytes };
}

/** How often the kernel killed in this container for want of memory (cgroup 2, then 1). */
function oomKills() {
  for (const file of ["memory.events", "memory/memory.oom_control"]) {
    try {
      const text = readFileSync(`/sys/fs/cgroup/${file}`, "utf8");
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
    } catch {}
  }
  return 0;
}
