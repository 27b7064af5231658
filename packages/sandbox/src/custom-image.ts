import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import {
  type Isolation,
  PRODUCT,
  SANDBOX_UID,
  type SandboxLimits,
  UserError,
} from "@headrace/domain";
import type Docker from "dockerode";
import type { Room } from "./admission.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";
import { bounded } from "./engine.ts";
import { findImage, findUsed, type Image, imageChanges, presentImage } from "./images.ts";
import { FACTORY_FOLDER, HOME, SANDBOX_USER, WORKSPACE } from "./profile.ts";
import { runToEnd } from "./run-to-end.ts";
import { makeTar } from "./tar.ts";

const PREPARE_MS = 300_000;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** The exit code of the container's init where it cannot execute the command. */
const NO_SHELL = 127;
const REPOSITORY = `${PRODUCT}-image`;

/**
 * What a sandbox needs of an image, and how it says that it has it; the first words name what is missing. Images of Rust
 * have Cargo's home outside the user's, and Cargo reads settings above the workspace as well.
 */
const CONTRACT = `
missing=
for tool in git mkdir chown mkfifo; do
  command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
[ -z "$missing" ] || { echo "missing:$missing"; exit 3; }
set -- /lib/ld-linux* /lib64/ld-linux*
[ -e "$1" ] || [ -e "$2" ] || { echo "missing: glibc"; exit 3; }
${FACTORY_FOLDER}/node --version || { echo "missing: what Node needs (libstdc++, libatomic)"; exit 3; }
set -e
mkdir -p ${WORKSPACE} ${HOME} ${FACTORY_FOLDER}/bin /.cargo
ln -sf ${HOME}/.cargo/config.toml /.cargo/config.toml
ln -sf ../node ${FACTORY_FOLDER}/bin/node
for tool in npm npx; do ln -sf ../npm/bin/$tool-cli.js ${FACTORY_FOLDER}/bin/$tool; done
chown -R ${SANDBOX_USER} ${WORKSPACE} ${HOME}
while IFS=: read -r _ _ uid _; do [ "$uid" = ${SANDBOX_UID} ] && exit 0; done < /etc/passwd
echo 'agent:x:${SANDBOX_UID}:${SANDBOX_UID}::${HOME}:/bin/sh' >> /etc/passwd
`;

const REMEDY =
  "a sandbox image needs glibc, sh and git: base it on Debian or Ubuntu and install git " +
  "(`FROM debian:bookworm-slim`, `RUN apt-get update && apt-get install -y git`)";

export type Prepared = { image: string; cached: boolean };

/**
 * Makes an image that is not ours fit to work in: checks its contract and adds Node, the workspace and the
 * unprivileged user. Throws `UserError` naming what it lacks.
 */
export const prepareImage = async (
  engine: { docker: Docker; containers: Containers },
  spec: {
    reference: string;
    base: Image;
    limits: SandboxLimits;
    isolation: Isolation | undefined;
    /** waits until the engine has room for a container */
    enter(): Promise<Room>;
  },
  signal?: AbortSignal,
): Promise<Prepared> => {
  const { docker, containers } = engine;
  const image = await presentImage(docker, spec.reference, unavailable(spec.reference), signal);
  if (image.architecture !== spec.base.architecture) {
    throw new UserError(
      `the image ${spec.reference} is made for ${image.architecture}, and this engine's own is ${spec.base.architecture}`,
      `name an image of that architecture: docker pull --platform linux/${spec.base.architecture} ${spec.reference}`,
    );
  }
  if (image.volumes.some((path) => `${path}/`.startsWith(`${WORKSPACE}/`))) {
    throw new UserError(
      `the image ${spec.reference} declares a volume at ${WORKSPACE}`,
      "remove its VOLUME line: what set-up installs there could not be kept in an image",
    );
  }
  const path = searchPath(image);
  const key = createHash("sha256").update([image.id, spec.base.id, CONTRACT, path].join("\0"));
  const tag = key.digest("hex").slice(0, 32);
  const found = await findUsed(docker, { repo: REPOSITORY, tag });
  if (found !== undefined) return { image: found.id, cached: true };

  using _room = await spec.enter();
  const { limits, isolation } = spec;
  const common = { limits, isolation, env: {}, labels: {} };
  const create = (from: string, command: string[]) =>
    containers.create({ ...common, phase: "prepare", image: from, command }, signal);
  await using source = await create(spec.base.id, ["/bin/true"]);
  await using container = await create(image.id, ["/bin/sh", "-c", CONTRACT]);
  await giveNode(source, container, signal);
  await meetContract(container, spec.reference, signal);
  const changes = [...imageChanges(tag), `ENV PATH=${JSON.stringify(path)}`];
  await container.commit({ repo: REPOSITORY, tag, changes });
  const made = await findImage(docker, `${REPOSITORY}:${tag}`);
  if (made === undefined) throw new Error(`the image ${REPOSITORY}:${tag} was just committed`);
  return { image: made.id, cached: false };
};

const unavailable = (reference: string) => (why: string, options: ErrorOptions) =>
  new UserError(
    `the sandbox image ${reference} is not on this engine and cannot be pulled: ${why}`,
    `pull it there, or build or load it (docker pull ${reference}; without a registry, docker save and docker load), ` +
      "or name another under `sandbox.image`",
    options,
  );

/** What set-up installs for the user comes first, then the image's own tools, and our Node where it has none. */
const searchPath = ({ env: { PATH = DEFAULT_PATH } }: Image): string =>
  `${HOME}/.local/bin:${PATH.replace(/["\\$]/g, "")}:${FACTORY_FOLDER}/bin`;

/** Copies the base image's Node and npm, both from containers that never ran. */
const giveNode = async (
  source: Container,
  target: Container,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const folder = { path: FACTORY_FOLDER.slice(1), uid: 0, mode: 0o755 };
  await target.put(await makeTar([folder]), "/", signal);
  for (const path of ["/usr/local/bin/node", "/usr/local/lib/node_modules/npm"]) {
    const copy = { to: `copy ${path} of the base image`, ms: PREPARE_MS, signal };
    const tar = await bounded(copy, async () => buffer(await source.get(path, signal)));
    await target.put(tar, FACTORY_FOLDER, signal);
  }
};

const meetContract = async (
  container: Container,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const limits = { timeoutMs: PREPARE_MS, maxOutputBytes: 8192 };
  const { exitCode, output } = await runToEnd(container, limits, signal);
  if (exitCode === 0) return;
  const why = exitCode === NO_SHELL ? "missing: sh, or the glibc it runs on" : output.trim();
  throw new UserError(`the image ${reference} cannot be a sandbox: ${why}`, REMEDY);
};
