import { startUpstream } from "./egress-rig.ts";
import { npmTarball, pythonWheel, sha256, sha512 } from "./real-packages.ts";

/** A package registry on loopback that answers nobody without its credential. */
type Registry = AsyncDisposable & {
  port: number;
  /** requests it was asked with the credential, oldest first, as `GET /path` */
  served: string[];
  /** those it was asked without */
  turnedAway: string[];
};

type Page = { type: string; body: string | Buffer };

const startRegistry = async (
  authorization: string,
  page: (path: string, port: number) => Page | undefined,
): Promise<Registry> => {
  const [served, turnedAway]: [string[], string[]] = [[], []];
  const upstream = await startUpstream((request, response) => {
    const asked = `${request.method} ${request.url}`;
    if (request.headers.authorization !== authorization) {
      turnedAway.push(asked);
      return void response.writeHead(401).end();
    }
    served.push(asked);
    const found = page(request.url ?? "", request.socket.localPort ?? 0);
    if (found === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": found.type }).end(found.body);
  });
  return { ...upstream, served, turnedAway };
};

type NpmPackage = {
  manifest: { name: string; version: string; [field: string]: unknown };
  files: Readonly<Record<string, string>>;
};

/** An npm registry under `/npm/`, as companies have them: a bearer token, and archives beside the documents. */
export const startNpmRegistry = async (
  token: string,
  { manifest, files }: NpmPackage,
): Promise<Registry & { url: string; integrity: string }> => {
  const { name, version } = manifest;
  const archive = await npmTarball({ "package.json": JSON.stringify(manifest), ...files });
  const integrity = sha512(archive);
  const file = `/npm/${name}/-/${name.replace(/^.*\//, "")}-${version}.tgz`;
  const registry = await startRegistry(`Bearer ${token}`, (path, port) => {
    if (path === file) return { type: "application/octet-stream", body: archive };
    if (path.toLowerCase() !== `/npm/${name.replace("/", "%2f")}`) return undefined;
    const dist = { tarball: `http://127.0.0.1:${port}${file}`, integrity };
    const versions = { [version]: { ...manifest, dist } };
    const document = { name, "dist-tags": { latest: version }, versions };
    return { type: "application/json", body: JSON.stringify(document) };
  });
  return { ...registry, integrity, url: `http://127.0.0.1:${registry.port}/npm/` };
};

/** An index of Python packages under `/simple/`, behind user and password. */
export const startPythonIndex = async (
  login: string,
  projects: readonly Parameters<typeof pythonWheel>[0][],
): Promise<Registry & { url: string; hashes: Readonly<Record<string, string>> }> => {
  const wheels = projects.map((project) => ({ ...project, ...pythonWheel(project) }));
  const pages = new Map<string, Page>(
    wheels.flatMap(({ name, file, bytes }) => {
      const link = `<!DOCTYPE html><a href="../../files/${file}#sha256=${sha256(bytes)}">${file}</a>`;
      return [
        [`/simple/${name}/`, { type: "text/html", body: link }],
        [`/files/${file}`, { type: "application/octet-stream", body: bytes }],
      ] as const;
    }),
  );
  const basic = `Basic ${Buffer.from(login).toString("base64")}`;
  const registry = await startRegistry(basic, (path) => pages.get(path));
  const hashes = Object.fromEntries(wheels.map(({ name, bytes }) => [name, sha256(bytes)]));
  return { ...registry, hashes, url: `http://127.0.0.1:${registry.port}/simple/` };
};
