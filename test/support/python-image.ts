import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { PRODUCT } from "@headrace/domain";
import type Docker from "dockerode";
import { pack } from "tar-stream";
import { baseImageTag } from "../../packages/cli/src/machine/base-image.mjs";

/** Of the base image nothing of ours is left but the user's name: it is as foreign as an official image. */
const dockerfile = (base: string): string => `FROM ${base}
USER 0:0
RUN echo 'deb http://deb.debian.org/debian trixie main' > /etc/apt/sources.list.d/trixie.list \\
  && apt-get update -q \\
  && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends -t trixie python3-venv python3-pip-whl \\
  && rm -rf /var/lib/apt/lists/* /usr/local/bin/node /usr/local/bin/np* /usr/local/lib/node_modules /workspace \\
  && userdel -r agent
ENV PATH=/usr/local/bin:/usr/bin:/bin HOME=
WORKDIR /
CMD ["python3"]
`;

/**
 * An image with Python 3.13 and git under the official image's name, where this engine has none: Debian's packages,
 * kept under a name of ours for the next time. Disposing of it takes the official name back.
 */
export const python313 = async (docker: Docker): Promise<AsyncDisposable & { name: string }> => {
  const [repo, tag] = ["python", "3.13-bookworm"];
  const name = `docker.io/library/${repo}:${tag}`;
  if (await has(docker, `${repo}:${tag}`)) return { name, [Symbol.asyncDispose]: async () => {} };
  const recipe = dockerfile(baseImageTag());
  const hash = createHash("sha256").update(recipe).digest("hex").slice(0, 12);
  const ours = `${PRODUCT}-test-python:${hash}`;
  if (!(await has(docker, ours))) await build(docker, recipe, ours);
  await docker.getImage(ours).tag({ repo, tag });
  return {
    name,
    [Symbol.asyncDispose]: async () => void (await docker.getImage(`${repo}:${tag}`).remove()),
  };
};

const build = async (docker: Docker, recipe: string, name: string): Promise<void> => {
  const context = pack();
  context.entry({ name: "Dockerfile" }, recipe);
  context.finalize();
  // the network of this machine, for Debian's packages
  const options = { t: name, networkmode: "host", forcerm: true };
  const progress = await docker.buildImage(Readable.from(context), options);
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(progress, (error) => (error === null ? resolve() : reject(error)));
  });
};

const has = async (docker: Docker, name: string): Promise<boolean> =>
  (await docker.listImages({ filters: { reference: [name] } })).length > 0;
