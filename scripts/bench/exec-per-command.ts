import { finished } from "node:stream/promises";
import type Docker from "dockerode";
import type { Sandbox, Sandboxes } from "../../packages/domain/src/index.ts";

/**
 * The same sandboxes, but every command is an exec of the engine's API of its own, as tools without a supervisor do
 * it. For comparison only: no timeout, no output bound.
 */
export const execPerCommand = (docker: Docker, sandboxes: Sandboxes): Sandboxes => ({
  describe: () => sandboxes.describe(),
  affordable: (asked) => sandboxes.affordable(asked),
  environment: (...args) => sandboxes.environment(...args),
  warm: (spec) => sandboxes.warm(spec),
  runGate: (...args) => sandboxes.runGate(...args),
  reap: () => sandboxes.reap(),
  evict: () => sandboxes.evict(),
  close: () => sandboxes.close(),
  open: async (spec, signal) => withExec(docker, await sandboxes.open(spec, signal)),
});

const withExec = (docker: Docker, sandbox: Sandbox): Sandbox => ({
  id: sandbox.id,
  checkout: (pack, commit) => sandbox.checkout(pack, commit),
  read: (path, maxBytes) => sandbox.read(path, maxBytes),
  write: (path, bytes) => sandbox.write(path, bytes),
  snapshot: (parent) => sandbox.snapshot(parent),
  exec: (command) => engineExec(docker, sandbox.id, command),
  [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
});

const engineExec = async (docker: Docker, id: string, command: string) => {
  const started = performance.now();
  const exec = await docker.getContainer(id).exec({
    Cmd: ["/bin/sh", "-c", command],
    AttachStdout: true,
    AttachStderr: true,
    WorkingDir: "/workspace",
  });
  const stream = await exec.start({});
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await finished(stream, { writable: false });
  const { ExitCode: exitCode } = await exec.inspect();
  const output = Buffer.concat(chunks);
  return {
    exitCode,
    timedOut: false,
    oomKilled: false,
    output: output.toString("utf8"),
    outputBytes: output.length,
    truncated: false,
    durationMs: Math.round(performance.now() - started),
  };
};
