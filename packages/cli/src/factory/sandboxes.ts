import { type Sandboxes, UserError } from "@headrace/domain";
import { createDockerSandboxes, createEgress } from "@headrace/sandbox";
import { baseImageTag } from "../machine/base-image.mjs";
import type { Installation } from "../user-config.ts";
import { hostCertificates } from "./certificates.ts";
import { requireEngine } from "./engine.ts";

/** The sandboxes this installation asks for, behind its egress proxy; both are closed with `closing`. */
export const openSandboxes = async (
  from: {
    installation: Installation;
    /** whose containers they are */
    identity: { owner: string; boot: string };
    env: NodeJS.ProcessEnv;
    onWarning(line: string): void;
  },
  closing: AsyncDisposableStack,
): Promise<Sandboxes> => {
  const { installation, identity, env, onWarning } = from;
  if (installation.config.sandbox === "bubblewrap")
    throw new UserError(
      "config.yaml asks for bubblewrap, which this version does not offer yet",
      "Remove the line `sandbox: bubblewrap` and install Docker.",
    );
  const certificates = await hostCertificates(env);
  const { ca } = certificates;
  const egress = closing.use(
    createEgress({
      registries: installation.registries,
      ...(ca === undefined ? {} : { ca: ca.pem }),
    }),
  );
  const sandboxes = createDockerSandboxes({
    engine: (await requireEngine(env)).address,
    baseImage: baseImageTag(),
    ...identity,
    ...certificates,
    egress,
    onWarning,
  });
  closing.defer(() => sandboxes.close());
  return sandboxes;
};
