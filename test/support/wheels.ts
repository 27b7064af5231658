import { startUpstream, type Upstream } from "./egress-rig.ts";
import { pythonWheel, sha256 } from "./real-packages.ts";

type Project = Parameters<typeof pythonWheel>[0];

/**
 * An index of Python packages that asks nobody for a credential; `url` is what clients name it by, `hashes` are of each
 * `name-version`.
 */
export const startOpenIndex = async (
  projects: readonly Project[],
): Promise<Upstream & { url: string; hashes: Readonly<Record<string, string>> }> => {
  const wheels = projects.map((project) => {
    const wheel = pythonWheel(project);
    return { ...project, ...wheel, hash: sha256(wheel.bytes) };
  });
  const pageOf = (name: string) =>
    wheels
      .filter((wheel) => wheel.name === name)
      .map(({ file, hash }) => `<a href="../../files/${file}#sha256=${hash}">${file}</a>`)
      .join("\n");
  const upstream = await startUpstream((request, response) => {
    const [, folder, name = ""] = /^\/(simple|files)\/([^/]+)\/?$/.exec(request.url ?? "") ?? [];
    const page = folder === "simple" ? pageOf(name) : "";
    const wheel = folder === "files" ? wheels.find(({ file }) => file === name) : undefined;
    if (wheel !== undefined) response.end(wheel.bytes);
    else if (page === "") response.writeHead(404).end();
    else response.writeHead(200, { "content-type": "text/html" }).end(`<!DOCTYPE html>${page}`);
  });
  const hashes = Object.fromEntries(wheels.map((w) => [`${w.name}-${w.version}`, w.hash]));
  return { ...upstream, hashes, url: `http://127.0.0.1:${upstream.port}/simple` };
};
