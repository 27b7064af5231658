import { PRODUCT, SANDBOX_UID } from "@headrace/domain";
import type Docker from "dockerode";
import { baseImageTag } from "../../packages/cli/src/machine/base-image.mjs";
import { debianImage, hasImage } from "./debian-image.ts";

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
  if (await hasImage(docker, `${repo}:${tag}`))
    return { name, [Symbol.asyncDispose]: async () => {} };
  const given = { dockerfile: dockerfile(baseImageTag()) };
  const ours = await debianImage(docker, `${PRODUCT}-test-python`, given);
  await docker.getImage(ours).tag({ repo, tag });
  return {
    name,
    [Symbol.asyncDispose]: async () => void (await docker.getImage(`${repo}:${tag}`).remove()),
  };
};

/** The base image with pytest, for environments in which tests of Python are gates. */
export const pytestImage = (docker: Docker): Promise<string> =>
  debianImage(docker, "local/test-pytest", {
    dockerfile: `FROM ${baseImageTag()}
USER 0:0
RUN apt-get update -q \\
  && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends python3-pytest \\
  && rm -rf /var/lib/apt/lists/*
USER ${SANDBOX_UID}:${SANDBOX_UID}
`,
  });
