import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type Docker from "dockerode";
import { pack } from "tar-stream";

/** Whether the engine has an image of this name. */
export const hasImage = async (docker: Docker, name: string): Promise<boolean> =>
  (await docker.listImages({ filters: { reference: [name] } })).length > 0;

/**
 * An image made of Debian's packages once per machine, for nothing can be pulled where tests run. `programs` stand
 * beside its Dockerfile. Returns its name, which says what is in it.
 */
export const debianImage = async (
  docker: Docker,
  name: string,
  { dockerfile, programs = {} }: { dockerfile: string; programs?: Record<string, string> },
): Promise<string> => {
  const content = [dockerfile, ...Object.values(programs)].join("");
  const tag = `${name}:${createHash("sha256").update(content).digest("hex").slice(0, 12)}`;
  if (await hasImage(docker, tag)) return tag;
  const context = pack();
  context.entry({ name: "Dockerfile" }, dockerfile);
  for (const [file, text] of Object.entries(programs))
    context.entry({ name: file, mode: 0o755 }, text);
  context.finalize();
  // the network of this machine, for Debian's packages
  const options = { t: tag, networkmode: "host", forcerm: true };
  const progress = await docker.buildImage(Readable.from(context), options);
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(progress, (error) => (error === null ? resolve() : reject(error)));
  });
  return tag;
};
