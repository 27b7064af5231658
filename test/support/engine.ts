import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import {
  createDockerSandboxes,
  type DockerSandboxesOptions,
  type EngineAddress,
} from "@headrace/sandbox";
import Docker from "dockerode";
import { baseImageTag } from "../../packages/cli/src/machine/base-image.mjs";
import { findEngine } from "../../packages/cli/src/machine/find-engine.mjs";
import type { SandboxHarness } from "../contract/suites/sandbox-suite.ts";

/** The engine `npm run setup` found or started. */
export const engineAddress = async (): Promise<EngineAddress> => {
  const found = await findEngine(process.env);
  if (found.engine === undefined) throw new Error("no container engine answers: npm run setup");
  return found.engine.address;
};

const BUNDLE = process.env.NODE_EXTRA_CA_CERTS ?? "/etc/ssl/certs/ca-certificates.crt";

/** The host's bundle of certificates, where it has one in the usual place. */
export const ca = existsSync(BUNDLE) ? { pem: readFileSync(BUNDLE, "utf8") } : undefined;

type Egress = NonNullable<DockerSandboxesOptions["egress"]>;

export const dockerHarness = async (
  given: { egress?: Egress; reserve?: NonNullable<DockerSandboxesOptions["reserve"]> } = {},
): Promise<SandboxHarness & { docker: Docker; owner: string }> => {
  const engine = await engineAddress();
  const docker = new Docker(engine);
  const images = new Set<string>();
  const options = {
    engine,
    baseImage: baseImageTag(),
    owner: `test-${randomUUID()}`,
    onWarning: () => {},
    ...given,
    ...(ca === undefined ? {} : { ca }),
  };
  const boots = [createDockerSandboxes({ ...options, boot: "boot-1" })] as const;
  const later: ReturnType<typeof createDockerSandboxes>[] = [];
  return {
    docker,
    owner: options.owner,
    sandboxes: boots[0],
    reboot() {
      const next = createDockerSandboxes({ ...options, boot: `boot-${later.length + 2}` });
      later.push(next);
      return next;
    },
    async destroy({ id }) {
      await docker.getContainer(id).remove({ force: true });
    },
    mounts: [
      ...["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"],
      ...["/sbin/docker-init", "/usr/sbin/docker-init"],
    ],
    discardLater: (image) => void images.add(image),
    async [Symbol.asyncDispose]() {
      await Promise.all([boots[0], ...later].map((sandboxes) => sandboxes.close()));
      for (const image of images) await docker.getImage(image).remove({ force: true });
    },
  };
};
