import { posix } from "node:path";
import { type EnvironmentSpec, SANDBOX_UID, UserError } from "@headrace/domain";
import type { Egress } from "./egress/types.ts";
import { FACTORY_FOLDER, HOME, WORKSPACE } from "./profile.ts";
import { setupSupervisor } from "./supervisor-files.ts";
import { makeTar, type TarEntry } from "./tar.ts";

/** What a phase with a network is given to use it. */
export type NetworkUse = {
  /** undefined: there is no network */
  egress: Egress | undefined;
  /** the host's bundle of certificates, by which it trusts what tunnels through the proxy lead to */
  ca: { pem: string } | undefined;
};

const SETUP_FOLDER = `${FACTORY_FOLDER}/setup`;
const CA_FILE = `${SETUP_FOLDER}/ca.pem`;

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

/** Cargo finds what it downloaded, offline as well, only under the name of the registry it came from. */
const isKept = (path: string): boolean => path.startsWith(`${HOME}/.cargo/`);

/** Variables by which clients find the proxy, its endpoints and the certificates to trust. */
export const networkEnv = ({ egress, ca }: NetworkUse): Record<string, string> => ({
  ...(egress === undefined || ca === undefined
    ? {}
    : Object.fromEntries(CA_VARIABLES.map((name) => [name, CA_FILE]))),
  ...egress?.client.env,
});

/** The files behind `networkEnv`, for `/`. */
export const networkFiles = ({ egress, ca }: NetworkUse): TarEntry[] => {
  if (egress === undefined) return [];
  const files = egress.client.files.map(({ path, text }) => ({
    path: within(HOME, path),
    bytes: Buffer.from(text),
  }));
  if (ca !== undefined) files.push({ path: CA_FILE, bytes: Buffer.from(ca.pem) });
  return [
    ...foldersOf(files, HOME),
    owned(SETUP_FOLDER),
    ...files.map(({ path, bytes }) => ({ ...owned(path), mode: 0o644, bytes })),
  ];
};

/** All that set-up sees: the supervisor, the clients' settings, and the files that turn to the proxy's endpoints. */
export const setupTar = async (spec: EnvironmentSpec, use: NetworkUse): Promise<Buffer> => {
  const files = spec.files.map((file) => ({ ...file, path: within(WORKSPACE, file.path) }));
  const rewrite = (path: string, bytes: Uint8Array) => use.egress?.rewrite(path, bytes) ?? bytes;
  return makeTar([
    ...(await setupSupervisor()),
    ...networkFiles(use),
    owned(WORKSPACE),
    ...foldersOf(files, WORKSPACE),
    ...files.map(({ path, bytes, executable }) => ({
      ...owned(path),
      mode: executable ? 0o755 : 0o644,
      bytes: rewrite(posix.relative(WORKSPACE, path), bytes),
    })),
  ]);
};

/** The files of `setupTar` that no environment keeps. */
export const setupOnly = (spec: EnvironmentSpec, { egress }: NetworkUse): string[] => [
  CA_FILE,
  ...(egress?.client.files ?? [])
    .map(({ path }) => within(HOME, path))
    .filter((path) => !isKept(path)),
  ...spec.files.map(({ path }) => within(WORKSPACE, path)),
];

const owned = (path: string) => ({ path: path.slice(1), uid: SANDBOX_UID, mode: 0o755 });

const foldersOf = (files: readonly { path: string }[], root: string): TarEntry[] => {
  const folders = new Set<string>();
  for (const { path } of files) {
    for (let at = posix.dirname(path); at.startsWith(`${root}/`); at = posix.dirname(at))
      folders.add(at);
  }
  return [...folders].sort().map(owned);
};

const within = (root: string, path: string): string => {
  const full = posix.join(root, path);
  if (full.startsWith(`${root}/`)) return full;
  throw new UserError(
    `a file of set-up leaves ${root === WORKSPACE ? "the workspace" : root}: ${path}`,
    "name paths inside it",
  );
};
