import { createHash } from "node:crypto";
import {
  type EgressRequest,
  type EnvironmentSpec,
  NOT_LISTED,
  PRODUCT,
  refusedHosts,
  type SandboxWatch,
  SetupFailedError,
  unreachedHosts,
} from "@headrace/domain";
import type Docker from "dockerode";
import type { Channel } from "./channel.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";
import type { ClientSettings } from "./egress/types.ts";
import { findUsed, imageChanges } from "./images.ts";
import type { Machine } from "./machine.ts";
import { HOME } from "./profile.ts";
import { type NetworkUse, networkEnv, setupOnly, setupTar } from "./setup-files.ts";
import { SetupLog } from "./setup-log.ts";
import { startSupervisor } from "./supervisor.ts";
import { SUPERVISOR_COMMAND } from "./supervisor-files.ts";

const REPOSITORY = `${PRODUCT}-env`;
const CLEANUP_MS = 120_000;
/** Hosts that are told of as refused; a command can ask for any number. */
const MAX_REFUSED = 50;
/** Requests that are kept to tell which hosts never answered. */
const MAX_OTHERS = 5000;

/** What an environment is made from; equal keys are the same environment. */
export const environmentKey = (
  image: string,
  spec: EnvironmentSpec,
  client: ClientSettings | undefined,
): string => {
  const hash = createHash("sha256");
  const files = spec.files
    .map(({ path, bytes, executable }) => [path, executable, sha256(bytes)])
    .sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
  const env = Object.entries(spec.env).sort(([a], [b]) => (a < b ? -1 : 1));
  hash.update(JSON.stringify([image, spec.setup, files, env, client ?? null]));
  return hash.digest("hex").slice(0, 40);
};

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The image that `key` names on this engine, if it has been built. */
export const findEnvironment = async (docker: Docker, key: string): Promise<string | undefined> =>
  (await findUsed(docker, { repo: REPOSITORY, tag: key }))?.id;

export type SetupOptions = NetworkUse & {
  spec: EnvironmentSpec;
  watch: SandboxWatch;
  signal?: AbortSignal | undefined;
};

/** Builds an environment in a container and commits it under `key`. */
export const buildEnvironment = async (
  containers: Containers,
  options: SetupOptions & { image: string; key: string; cpuShares: number },
): Promise<string> => {
  const { image, key, spec, cpuShares, signal } = options;
  const { limits, isolation } = spec;
  const wanted = {
    phase: "setup",
    image,
    command: SUPERVISOR_COMMAND,
    limits,
    cpuShares,
    isolation,
  } as const;
  await using container = await containers.create({ ...wanted, env: {}, labels: {} }, signal);
  const exec: SetupPlace["exec"] = (_, run, how) => container.exec(run, how);
  const log = await setUp({ machine: container, exec }, options);
  const exceeded = await container.measure();
  if (exceeded !== undefined) {
    const told = `${log}set-up was ended: it ${exceeded.message}\n`;
    throw new SetupFailedError(spec.setup.at(-1) ?? "", null, told);
  }
  await container.commit({ repo: REPOSITORY, tag: key, changes: imageChanges(key) });
  return log;
};

/** A created machine, and how commands are run in it: beside its supervisor, or by it. */
export type SetupPlace = {
  machine: Machine;
  exec: (channel: Channel, ...run: Parameters<Container["exec"]>) => ReturnType<Container["exec"]>;
};

/**
 * Runs the set-up commands, with the given files alone in the workspace and the egress proxy as their only network,
 * and kills the machine. The files go again: agents and gates bring those of their own commit.
 */
export const setUp = async (
  { machine, exec }: SetupPlace,
  options: SetupOptions,
): Promise<string> => {
  const { spec, egress, watch, signal } = options;
  const { limits } = spec;
  const refused = new Set<string>();
  const others: EgressRequest[] = [];
  const onRequest = (request: EgressRequest) => {
    for (const host of refusedHosts([request])) if (refused.size < MAX_REFUSED) refused.add(host);
    if (!request.detail.startsWith(NOT_LISTED) && others.length < MAX_OTHERS) others.push(request);
    watch.onRequest?.(request);
  };
  await using session = egress?.session({ phase: "setup", hosts: spec.hosts ?? [], onRequest });
  const tar = await setupTar(spec, options);
  const channel = await startSupervisor(machine, { tar, limits, session, signal });
  try {
    const place = { machine, channel, exec: exec.bind(undefined, channel) };
    const log = await runSetup(place, { ...options, refused, others });
    await cleanUp(place, options);
    channel.close();
    await machine.kill();
    return log;
  } finally {
    channel.close();
  }
};

type Place = { machine: Machine; channel: Channel; exec: Container["exec"] };

/** What set-up asked of the network so far. */
type Asked = { refused: ReadonlySet<string>; others: readonly EgressRequest[] };

/** Runs each command in turn; the first that fails ends set-up with the log so far. */
const runSetup = async (
  place: Place,
  { spec, refused, others, watch, signal, ...network }: SetupOptions & Asked,
): Promise<string> => {
  const log = new SetupLog(watch);
  const onOutput = (chunk: Buffer) => log.push(chunk);
  const say = (line: string) => log.say(`${line}\n`);
  const late = AbortSignal.timeout(spec.timeoutMs);
  const cut = signal === undefined ? late : AbortSignal.any([late, signal]);
  const env = { HOME, LANG: "C.UTF-8", CI: "true", ...networkEnv(network), ...spec.env };
  for (const command of spec.setup) {
    say(`$ ${command}`);
    let exitCode: number | null = null;
    try {
      exitCode = await place.exec(["/bin/sh", "-c", command], { env, onOutput, signal: cut });
    } catch (error) {
      signal?.throwIfAborted();
      if (!late.aborted && (await place.machine.measure()) === undefined) throw error;
      if (late.aborted)
        say(`set-up was stopped: it took more than ${Math.round(spec.timeoutMs / 1000)} s`);
    }
    const exceeded = await place.machine.measure();
    if (exitCode !== 0 || exceeded !== undefined || place.channel.loss !== undefined) {
      const why = await whyEnded(place, spec);
      if (why !== undefined) say(why);
      const code = exitCode === 0 ? null : exitCode;
      throw new SetupFailedError(command, code, log.end(), [...refused], unreachedHosts(others));
    }
  }
  return log.end();
};

/** What the engine knows of a command's end that the command itself could not say. */
const whyEnded = async (
  { machine, channel }: Place,
  { limits }: EnvironmentSpec,
): Promise<string | undefined> => {
  const exceeded = await machine.measure();
  if (exceeded !== undefined) return `set-up was ended: it ${exceeded.message}`;
  const { running, oomKilled } = await machine.inspect();
  if (!running) channel.lose("its supervisor ended");
  const lost = await channel.loss;
  if (lost !== undefined) return `set-up was ended: ${lost.message}`;
  return oomKilled ? `set-up ran out of memory (limit ${limits.memoryMb} MB)` : undefined;
};

/** Takes out what was put in for set-up alone, and what it left in /tmp. */
const cleanUp = async ({ exec }: Place, options: SetupOptions): Promise<void> => {
  const script = 'rm -f -- "$@"; rm -rf -- /tmp/* /tmp/.[!.]* 2>/dev/null; :';
  await exec(["/bin/sh", "-c", script, "sh", ...setupOnly(options.spec, options)], {
    env: {},
    onOutput: () => {},
    signal: AbortSignal.timeout(CLEANUP_MS),
  });
};
