import { LABELS, PRODUCT } from "@headrace/domain";
import type Docker from "dockerode";
import { z } from "zod";
import { bounded, EngineRefusal } from "./engine.ts";

const CALL_MS = 120_000;
const DAY_MS = 24 * 60 * 60_000;

/** What of the images that environments are kept in stays. */
export type Keep = {
  /** days since an image was last asked for */
  days: number;
  /** bytes of all of them together, without what they are based on */
  bytes: number;
};

export const KEEP: Keep = { days: 30, bytes: 20 * 1024 ** 3 };

export type KeptImage = {
  id: string;
  /** undefined: nothing names it any more, so nobody can ask for it */
  name: string | undefined;
  bytes: number;
  /** milliseconds since 1970 */
  lastUsed: number;
  inUse: boolean;
};

/** Which images go: what nothing names, what is too old, and from the oldest on what is beyond the bytes. */
export const chooseEvicted = (
  images: readonly KeptImage[],
  keep: Keep,
  now: number,
): KeptImage[] => {
  let kept = 0;
  const newestFirst = images.toSorted((a, b) => b.lastUsed - a.lastUsed);
  return newestFirst.filter(({ name, bytes, lastUsed, inUse }) => {
    const isStale = name === undefined || now - lastUsed > keep.days * DAY_MS;
    const goes = !inUse && (isStale || kept + bytes > keep.bytes);
    if (!goes) kept += bytes;
    return goes;
  });
};

/**
 * Removes images that carry our label and no foreign name, beyond what is kept; those of containers and of `held` stay.
 * Returns the bytes that were freed. When an image was last used the engine itself remembers: whoever asks for one
 * gives it its name again (`findUsed`), and the engine keeps that time, across restarts and for every installation.
 */
export const evictImages = async (
  docker: Docker,
  keep: Keep,
  held: ReadonlySet<string>,
): Promise<number> => {
  const chosen = chooseEvicted(await keptImages(docker, held), keep, Date.now());
  let freed = 0;
  // an image's layers go with the last that is based on it, which was used no earlier
  for (const { id, name, bytes } of chosen) {
    if (await removeImage(docker, name ?? id)) freed += bytes;
  }
  return freed;
};

const keptImages = async (docker: Docker, held: ReadonlySet<string>): Promise<KeptImage[]> => {
  const filters = { label: [LABELS.environment] };
  const [images, containers] = await bounded({ to: "list its images", ms: CALL_MS }, () =>
    Promise.all([docker.listImages({ filters }), docker.listContainers({ all: true })]),
  );
  const inUse = new Set([...held, ...containers.map(({ ImageID }) => ImageID)]);
  const found = images.map(({ Id, RepoTags }) => {
    const names = (RepoTags ?? []).filter((name) => name !== "<none>:<none>");
    // who builds an image from one of ours inherits the label
    const isOurs = names.every((name) => OURS.test(name));
    return isOurs ? [{ id: Id, name: names[0], inUse: inUse.has(Id) }] : [];
  });
  const kept = await Promise.all(
    found.flat().map(async (image) => {
      const facts = await factsOf(docker, image.id);
      return facts === undefined ? [] : [{ ...image, ...facts }];
    }),
  );
  return kept.flat();
};

const OURS = new RegExp(`^${PRODUCT}-(?:env|image|dockerfile):`);

const Tagged = z.object({ Metadata: z.object({ LastTagTime: z.string().nullish() }).nullish() });

/** Undefined where another installation has removed it meanwhile. */
const factsOf = async (docker: Docker, id: string) => {
  const image = docker.getImage(id);
  try {
    const [facts, [last]] = await bounded({ to: "look at an image", ms: CALL_MS }, () =>
      Promise.all([image.inspect(), image.history() as Promise<{ Size: number }[]>]),
    );
    const { Metadata } = Tagged.parse(facts);
    const times = [facts.Created, Metadata?.LastTagTime ?? ""].map(Date.parse);
    return { bytes: last?.Size ?? 0, lastUsed: Math.max(...times.filter((time) => time > 0)) };
  } catch (error) {
    if (error instanceof EngineRefusal && error.status === 404) return undefined;
    throw error;
  }
};

/** Whether the image's bytes are gone; one that came into use, or is gone already, is left. */
const removeImage = async (docker: Docker, name: string): Promise<boolean> => {
  try {
    const done: { Deleted?: string }[] = await bounded({ to: "remove an image", ms: CALL_MS }, () =>
      docker.getImage(name).remove({ force: false }),
    );
    return done.some(({ Deleted }) => Deleted !== undefined);
  } catch (error) {
    if (error instanceof EngineRefusal && [404, 409].includes(error.status)) return false;
    throw error;
  }
};
