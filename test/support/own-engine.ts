import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { openSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { createDockerSandboxes, type EngineAddress } from "@headrace/sandbox";
import Docker from "dockerode";
import { vi } from "vitest";
import { baseImageTag } from "../../packages/cli/src/machine/base-image.mjs";
import { engineAddress } from "./engine.ts";

const NO_NETWORK = ["--bridge=none", "--iptables=false", "--ip-masq=false"];

/**
 * A dockerd of the test's own in this folder, with the base image of the engine that is there. `over` names files of
 * this host that it sees others in place of. Needs root on Linux.
 */
export const startOwnEngine = async (
  folder: string,
  options: readonly string[],
  over: Readonly<Record<string, string>> = {},
): Promise<AsyncDisposable & { address: { socketPath: string } }> => {
  await using stack = new AsyncDisposableStack();
  const at = (name: string) => join(folder, name);
  // a remapped root is another user, and has its containers below
  await chmod(folder, 0o711);
  const socketPath = at("engine.sock");
  const folders = ["--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("pid")];
  const dockerd = [...["dockerd", "-H", `unix://${socketPath}`], ...folders, ...NO_NETWORK];
  const mounts = Object.entries(over).map(([path, other]) => `mount --bind ${other} ${path}`);
  const script = [...mounts, 'exec "$@"'].join("\n");
  const log = openSync(at("log"), "a");
  const daemon = spawn(
    "unshare",
    // `--bridge=none` removes the bridge of the engine that is there, unless it cannot see it
    ["--net", "--mount", "sh", "-ec", script, "sh", ...dockerd, ...options],
    { stdio: ["ignore", log, log], detached: true },
  );
  stack.defer(() => end(daemon));
  const docker = new Docker({ socketPath });
  await vi.waitFor(() => docker.ping(), { timeout: 30_000, interval: 200 });
  const image = await new Docker(await engineAddress()).getImage(baseImageTag()).get();
  const loading = await docker.loadImage(image);
  loading.resume();
  await once(loading, "end");
  const kept = stack.move();
  return { address: { socketPath }, [Symbol.asyncDispose]: () => kept.disposeAsync() };
};

const end = async (daemon: ChildProcess): Promise<void> => {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = once(daemon, "exit");
  daemon.kill("SIGTERM");
  await ended;
};

/** Sandboxes of a factory that meets this engine for the first time. */
export const sandboxesOn = (engine: EngineAddress) =>
  createDockerSandboxes({
    engine,
    baseImage: baseImageTag(),
    owner: `test-${randomUUID()}`,
    boot: "1",
    onWarning: () => {},
  });
