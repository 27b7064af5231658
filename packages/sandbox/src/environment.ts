import { createHash } from "node:crypto";
import { posix } from "node:path";
import { type EnvironmentSpec, PRODUCT, SetupFailedError, UserError } from "@headrace/domain";
import type Docker from "dockerode";
import { BoundedOutput } from "../../../sandboxes/supervisor/bounded-output.mjs";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";
import { findImage, imageChanges } from "./images.ts";
import { lineReader } from "./line-reader.ts";
import { FACTORY_FOLDER, HOME, SANDBOX_UID, WORKSPACE } from "./profile.ts";
import { makeTar, type TarEntry } from "./tar.ts";

const REPOSITORY = `${PRODUCT}-env`;
const LOG_BYTES = 200_000;
const CLEANUP_MS = 120_000;
const SETUP_FOLDER = `${FACTORY_FOLDER}/setup`;
const CA_FILE = `${SETUP_FOLDER}/ca.pem`;
const IDLE = ["/bin/sh", "-c", "while :; do sleep 3600; done"];

/** The names under which tools look for the bundle of certificates they trust. */
const CA_VARIABLES = [
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "CURL_CA_BUNDLE",
  "GIT_SSL_CAINFO",
  "PIP_CERT",
  "REQUESTS_CA_BUNDLE",
  "CARGO_HTTP_CAINFO",
];

/** What an environment is made from; equal keys are the same environment. */
export const environmentKey = (image: string, spec: EnvironmentSpec): string => {
  const hash = createHash("sha256");
  const files = spec.files
    .map(({ path, bytes, executable }) => [path, executable, sha256(bytes)])
    .sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
  const env = Object.entries(spec.env).sort(([a], [b]) => (a < b ? -1 : 1));
  hash.update(JSON.stringify([image, spec.setup, files, env]));
  return hash.digest("hex").slice(0, 40);
};

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The image that `key` names on this engine, if it has been built. */
export const findEnvironment = async (docker: Docker, key: string): Promise<string | undefined> =>
  (await findImage(docker, `${REPOSITORY}:${key}`))?.id;

export type SetupOptions = {
  image: string;
  key: string;
  spec: EnvironmentSpec;
  /** the host's bundle of certificates, for set-up alone */
  ca: { pem: string } | undefined;
  onLine: (line: string) => void;
  signal?: AbortSignal | undefined;
};

/**
 * Runs the set-up commands on the bridge network, with the given files alone in the workspace, and commits what
 * they made under `key`. The files go again: agents and gates bring those of their own commit.
 */
export const buildEnvironment = async (
  containers: Containers,
  { image, key, spec, ca, onLine, signal }: SetupOptions,
): Promise<string> => {
  await using container = await containers.create(
    { phase: "setup", image, command: IDLE, env: {}, limits: spec.limits, labels: {} },
    signal,
  );
  await container.put(await setupTar(spec, ca), "/", signal);
  await container.start(signal);
  const log = await runSetup(container, { spec, ca, onLine, signal });
  await cleanUp(container, spec);
  await container.kill();
  await container.commit({ repo: REPOSITORY, tag: key, changes: imageChanges(key) });
  return log;
};

const setupTar = (spec: EnvironmentSpec, ca: SetupOptions["ca"]): Promise<Buffer> => {
  const workspace = WORKSPACE.slice(1);
  const folders = new Set<string>();
  const files = spec.files.map(({ path, bytes, executable }): TarEntry => {
    const full = insideWorkspace(path);
    for (let at = posix.dirname(full); at !== workspace; at = posix.dirname(at)) folders.add(at);
    return { path: full, uid: SANDBOX_UID, mode: executable ? 0o755 : 0o644, bytes };
  });
  const own = (path: string): TarEntry => ({ path, uid: SANDBOX_UID, mode: 0o755 });
  const bundle = Buffer.from(ca?.pem ?? "");
  return makeTar([
    own(workspace),
    ...[...folders].sort().map(own),
    ...files,
    own(SETUP_FOLDER.slice(1)),
    { path: CA_FILE.slice(1), uid: SANDBOX_UID, mode: 0o644, bytes: bundle },
  ]);
};

const insideWorkspace = (path: string): string => {
  const full = posix.join(WORKSPACE, path);
  if (!full.startsWith(`${WORKSPACE}/`)) {
    throw new UserError(`a file of set-up leaves the workspace: ${path}`, "name paths inside it");
  }
  return full.slice(1);
};

/** Runs each command in turn; the first that fails ends set-up with the log so far. */
const runSetup = async (
  container: Container,
  { spec, ca, onLine, signal }: Omit<SetupOptions, "image" | "key">,
): Promise<string> => {
  const output = new BoundedOutput(LOG_BYTES);
  const lines = lineReader(onLine);
  const onOutput = (chunk: Buffer) => {
    output.push(chunk);
    lines.push(chunk);
  };
  const say = (line: string) => onOutput(Buffer.from(`${line}\n`));
  const log = () => output.take().bytes.toString("utf8");
  const late = AbortSignal.timeout(spec.timeoutMs);
  const cut = signal === undefined ? late : AbortSignal.any([late, signal]);
  for (const command of spec.setup) {
    say(`$ ${command}`);
    let exitCode: number | null = null;
    try {
      const options = { env: setupEnv(spec, ca), onOutput, signal: cut };
      exitCode = await container.exec(["/bin/sh", "-c", command], options);
    } catch (error) {
      signal?.throwIfAborted();
      if (!late.aborted) throw error;
      say(`set-up was stopped: it took more than ${Math.round(spec.timeoutMs / 1000)} s`);
    }
    if (exitCode !== 0) {
      const { oomKilled } = await container.inspect();
      if (oomKilled) say(`set-up ran out of memory (limit ${spec.limits.memoryMb} MB)`);
      lines.end();
      throw new SetupFailedError(command, exitCode, log());
    }
  }
  lines.end();
  return log();
};

const setupEnv = (spec: EnvironmentSpec, ca: SetupOptions["ca"]): Record<string, string> => ({
  HOME,
  LANG: "C.UTF-8",
  CI: "true",
  ...(ca === undefined ? {} : Object.fromEntries(CA_VARIABLES.map((name) => [name, CA_FILE]))),
  ...spec.env,
});

/** Takes out what was put in for set-up alone, and what it left in /tmp. */
const cleanUp = async (container: Container, spec: EnvironmentSpec): Promise<void> => {
  const script = 'rm -f -- "$@"; rm -rf -- /tmp/* /tmp/.[!.]* 2>/dev/null; :';
  const paths = [CA_FILE, ...spec.files.map(({ path }) => `/${insideWorkspace(path)}`)];
  await container.exec(["/bin/sh", "-c", script, "sh", ...paths], {
    env: {},
    onOutput: () => {},
    signal: AbortSignal.timeout(CLEANUP_MS),
  });
};
