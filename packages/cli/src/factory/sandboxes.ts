import { join } from "node:path";
import { type Sandboxes, UserError } from "@headrace/domain";
import {
  createBubblewrapSandboxes,
  createDockerSandboxes,
  createEgress,
  type EngineAddress,
  probeBubblewrap,
} from "@headrace/sandbox";
import type { DataDir } from "../data-dir.ts";
import { baseImageTag } from "../machine/base-image.mjs";
import { type Engine, findEngine } from "../machine/find-engine.mjs";
import type { Installation } from "../user-config.ts";
import { hostCertificates } from "./certificates.ts";
import { requireBaseImage, requireEngine } from "./engine.ts";

type Place = { installation: Pick<Installation, "config">; data: DataDir; env: NodeJS.ProcessEnv };

/** Where sandboxes run: on the engine there is, else in bubblewrap, if the person asks for it and it holds here. */
type Host =
  | { kind: "docker"; engine: Engine }
  | { kind: "bubblewrap"; folder: string; differences: readonly string[] };

const hostOf = async (place: Place, owner: string): Promise<Host> => {
  const { installation, data, env } = place;
  if (installation.config.sandbox === "docker")
    return { kind: "docker", engine: await requireEngine(env) };
  const { engine } = await findEngine(env);
  if (engine !== undefined) return { kind: "docker", engine };
  const folder = join(data.root, "bubblewrap");
  const probe = await probeBubblewrap({ folder, owner });
  if (!probe.ok) throw new UserError(probe.reason, probe.remedy);
  return { kind: "bubblewrap", folder, differences: probe.differences };
};

/** Throws `UserError` where no sandbox could be opened on this machine. */
export const requireSandboxes = async (place: Place): Promise<void> => {
  const host = await hostOf(place, "probe");
  if (host.kind === "docker") await requireBaseImage(host.engine);
};

/**
 * The sandboxes this installation asks for, behind its egress proxy, both closed with `closing`; and the engine they
 * are on, if there is one.
 */
export const openSandboxes = async (
  from: Omit<Place, "installation"> & {
    installation: Installation;
    /** whose sandboxes they are */
    identity: { owner: string; boot: string };
    onWarning(line: string): void;
  },
  closing: AsyncDisposableStack,
): Promise<{ sandboxes: Sandboxes; engine: EngineAddress | undefined }> => {
  const { installation, identity, env, onWarning } = from;
  const { sandbox, images, disk } = installation.config;
  const host = await hostOf(from, identity.owner);
  const certificates = await hostCertificates(env);
  const ca = certificates.ca && { ca: certificates.ca.pem };
  const egress = closing.use(createEgress({ registries: installation.registries, ...ca }));
  const keep = {
    ...(images.maxAgeDays === undefined ? {} : { days: images.maxAgeDays }),
    ...(images.maxGb === undefined ? {} : { bytes: images.maxGb * 1024 ** 3 }),
  };
  const common = { ...identity, ...certificates, egress, keep, onWarning };
  if (host.kind === "bubblewrap") {
    for (const line of host.differences) onWarning(`bubblewrap instead of Docker: ${line}`);
    const sandboxes = createBubblewrapSandboxes({ ...common, folder: host.folder });
    closing.defer(() => sandboxes.close());
    return { sandboxes, engine: undefined };
  }
  if (sandbox === "bubblewrap")
    onWarning("config.yaml asks for bubblewrap: the container engine that answers is used instead");
  const engine = host.engine.address;
  const sandboxes = createDockerSandboxes({
    ...common,
    engine,
    baseImage: baseImageTag(),
    ...(disk.reserveGb === undefined ? {} : { reserve: { bytes: disk.reserveGb * 1024 ** 3 } }),
  });
  closing.defer(() => sandboxes.close());
  return { sandboxes, engine };
};
