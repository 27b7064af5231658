import { InfrastructureError, LABELS } from "@headrace/domain";
import type Docker from "dockerode";
import { bounded, EngineRefusal } from "./engine.ts";
import { SANDBOX_USER, WORKSPACE } from "./profile.ts";

const LOOK_MS = 60_000;
const PULL_MS = 1_800_000;

export type Image = {
  id: string;
  architecture: string;
  /** its variables; without a PATH it has the engine's default */
  env: Readonly<Record<string, string>>;
  volumes: readonly string[];
};

/**
 * What a committed image says of itself: not the command nor the owner of the container it was committed from,
 * for a container that a person makes of it must not be reaped.
 */
export const imageChanges = (environment: string): string[] => [
  'ENTRYPOINT ["/bin/sh"]',
  `USER ${SANDBOX_USER}`,
  `WORKDIR ${WORKSPACE}`,
  `LABEL ${LABELS.environment}=${environment} ${LABELS.owner}="" ${LABELS.boot}=""`,
];

/** The image of that name or id, or undefined where the engine has none. */
export const findImage = async (docker: Docker, reference: string): Promise<Image | undefined> => {
  try {
    const image = await bounded({ to: `look for image ${reference}`, ms: LOOK_MS }, () =>
      docker.getImage(reference).inspect(),
    );
    const variables = (image.Config?.Env ?? []).map((text) => /^([^=]+)=(.*)$/s.exec(text));
    return {
      id: image.Id,
      architecture: image.Architecture,
      env: Object.fromEntries(variables.flatMap((v) => (v ? [[v[1] ?? "", v[2] ?? ""]] : []))),
      volumes: Object.keys(image.Config?.Volumes ?? {}),
    };
  } catch (error) {
    if (error instanceof EngineRefusal && error.status === 404) return undefined;
    throw error;
  }
};

/** Finds an image of ours to be used, and has the engine remember when: naming it again does. */
export const findUsed = async (
  docker: Docker,
  { repo, tag }: { repo: string; tag: string },
): Promise<Image | undefined> => {
  const found = await findImage(docker, `${repo}:${tag}`);
  if (found === undefined) return undefined;
  await bounded({ to: `name image ${repo}:${tag}`, ms: LOOK_MS }, () =>
    docker.getImage(found.id).tag({ repo, tag }),
  );
  return found;
};

/** Has the engine pull an image; fails with `EngineRefusal` where no registry gives it. */
export const pullImage = (docker: Docker, reference: string, signal?: AbortSignal): Promise<void> =>
  bounded({ to: `pull image ${reference}`, ms: PULL_MS, signal }, async (abortSignal) => {
    const stream = await docker.pull(reference, { abortSignal });
    await new Promise<void>((resolve, reject) => {
      docker.modem.followProgress(stream, (error) => (error === null ? resolve() : reject(error)));
    });
  });

/** The image of that name, pulled where the engine lacks it; throws what `unavailable` makes of why it cannot be. */
export const presentImage = async (
  docker: Docker,
  reference: string,
  unavailable: (why: string, options: ErrorOptions) => Error,
  signal?: AbortSignal,
): Promise<Image> => {
  const found = await findImage(docker, reference);
  if (found !== undefined) return found;
  try {
    await pullImage(docker, reference, signal);
  } catch (cause) {
    signal?.throwIfAborted();
    throw unavailable((cause as Error).message, { cause });
  }
  const pulled = await findImage(docker, reference);
  if (pulled !== undefined) return pulled;
  throw new InfrastructureError(`the image ${reference} vanished after its pull`);
};
