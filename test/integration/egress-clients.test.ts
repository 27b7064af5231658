import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { createEgress, type Egress, type PrivateRegistry } from "@headrace/sandbox";
import { pack } from "tar-stream";
import { describe, expect, it } from "vitest";
import { startSession, startUpstream } from "../support/egress-rig.ts";
import { tempDir } from "../support/git.ts";
import { NO_NPM, NO_PIP } from "../support/needs.ts";
import { ended } from "../support/shell.ts";

/** Clients are told this port, so the tests of this file take turns at it. */
const PROXY_PORT = 3128;
/** The home that clients are told of. */
const HOME = "/home/agent";
const KEY = "Bearer canary-0815";

/** A sandbox user's home with the clients' settings, and files that went through `rewrite`, but no other variable. */
const openHome = async (egress: Egress, files: Record<string, string>) => {
  const dir = await tempDir("headrace-egress-");
  const write = (path: string, bytes: Uint8Array | string) => {
    mkdirSync(dirname(join(dir.path, path)), { recursive: true });
    writeFileSync(join(dir.path, path), bytes);
  };
  for (const { path, text } of egress.client.files) write(path, text);
  for (const [path, text] of Object.entries(files))
    write(`work/${path}`, egress.rewrite(path, Buffer.from(text)));
  // a variable may name a file of that home
  const settings = Object.entries(egress.client.env).map(([name, value]) => [
    name,
    value.replace(HOME, dir.path),
  ]);
  const env = {
    ...{ PATH: process.env.PATH, HOME: dir.path, NO_COLOR: "1" },
    ...(Object.fromEntries(settings) as Record<string, string>),
  };
  return {
    at: (path: string) => join(dir.path, "work", path),
    env,
    run: (command: string, ...args: string[]) => {
      const cwd = join(dir.path, "work");
      return ended(
        spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] }) as ChildProcess,
      );
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
};

const tarball = async (files: Record<string, string>): Promise<Buffer> => {
  const archive = pack();
  for (const [name, text] of Object.entries(files)) archive.entry({ name }, text);
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(part as Buffer);
  return gzipSync(Buffer.concat(parts));
};

/** A registry of one company: without its key it answers nobody. */
const startCompany = (pages: ReadonlyMap<string, { type: string; body: string | Buffer }>) =>
  startUpstream((request, response) => {
    const page = pages.get(request.url ?? "");
    if (request.headers.authorization !== KEY) response.writeHead(401).end();
    else if (page === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": page.type }).end(page.body);
  });

const APP = JSON.stringify({
  name: "app",
  version: "1.0.0",
  dependencies: { "is-number": "7.0.0" },
});

describe("node", () => {
  it("fetches through the proxy by its variables alone", async () => {
    await using rig = await startSession(createEgress({ registries: [] }), { port: PROXY_PORT });
    await using home = await openHome(rig.egress, {
      "get.mjs": "await fetch('https://files.example.com/x')",
    });
    expect((await home.run(process.execPath, "get.mjs")).code).not.toBe(0);
    expect(rig.requests).toMatchObject([
      { method: "CONNECT", host: "files.example.com", outcome: "refused" },
    ]);
  });
});

describe("npm", () => {
  it.skipIf(NO_NPM)(
    "installs a lockfile's packages from the public registry (needs registry.npmjs.org)",
    async () => {
      await using rig = await startSession(createEgress({ registries: [] }), { port: PROXY_PORT });
      const resolved = "https://registry.npmjs.org/is-number/-/is-number-7.0.0.tgz";
      const integrity =
        "sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9cGvNp6NZWZUBlbGXYxxng==";
      const lock = {
        ...{ name: "app", version: "1.0.0", lockfileVersion: 3, requires: true },
        packages: {
          "": JSON.parse(APP),
          "node_modules/is-number": { version: "7.0.0", resolved, integrity },
        },
      };
      const files = { "package.json": APP, "package-lock.json": JSON.stringify(lock) };
      await using home = await openHome(rig.egress, files);
      expect(await home.run("npm", "ci")).toMatchObject({ code: 0 });
      expect(existsSync(home.at("node_modules/is-number/index.js"))).toBe(true);
      const path = "/is-number/-/is-number-7.0.0.tgz";
      const host = "registry.npmjs.org";
      expect(rig.requests).toMatchObject([{ host, path, outcome: "allowed", detail: "200" }]);
      expect(await home.run("npm", "install", "ms@2.1.3")).toMatchObject({ code: 0 });
      expect(existsSync(home.at("node_modules/ms/index.js"))).toBe(true);
    },
  );

  it("installs a scoped package from a private registry whose key it never sees", async () => {
    const pages = new Map<string, { type: string; body: string | Buffer }>();
    await using company = await startCompany(pages);
    const url = `http://127.0.0.1:${company.port}/npm/`;
    const manifest = { name: "@acme/lib", version: "1.2.3" };
    const archive = await tarball({ "package/package.json": JSON.stringify(manifest) });
    const integrity = `sha512-${createHash("sha512").update(archive).digest("base64")}`;
    const dist = { tarball: `${url}@acme/lib/-/lib-1.2.3.tgz`, integrity };
    const document = {
      ...{ name: "@acme/lib", "dist-tags": { latest: "1.2.3" } },
      versions: { "1.2.3": { ...manifest, dist } },
    };
    pages.set("/npm/@acme%2flib", { type: "application/json", body: JSON.stringify(document) });
    pages.set("/npm/@acme/lib/-/lib-1.2.3.tgz", {
      type: "application/octet-stream",
      body: archive,
    });
    const acme: PrivateRegistry = {
      ...{ name: "acme", kind: "npm", url, scopes: ["@acme"], authorization: KEY },
      placeholders: ["ACME_TOKEN"],
    };
    await using rig = await startSession(createEgress({ registries: [acme] }), {
      port: PROXY_PORT,
    });
    const host = `//127.0.0.1:${company.port}/npm/`;
    await using home = await openHome(rig.egress, {
      ".npmrc": `@acme:registry=${url}\n${host}:_authToken=\${ACME_TOKEN}\n`,
      "package.json": JSON.stringify({ name: "app", dependencies: { "@acme/lib": "^1.0.0" } }),
    });
    expect(await home.run("npm", "install")).toMatchObject({ code: 0 });
    expect(readFileSync(home.at("node_modules/@acme/lib/package.json"), "utf8")).toContain("1.2.3");
    // a coder's workspace has the file as it is committed: it names the registry past the endpoint
    writeFileSync(home.at(".npmrc"), `@acme:registry=${url}\n`);
    // by a shell, as all that runs in a sandbox: it drops variables whose names are none of its own
    expect(await home.run("/bin/sh", "-c", "npm install --prefer-online @acme/lib")).toMatchObject({
      code: 0,
    });
    expect(rig.requests.every(({ outcome }) => outcome === "allowed")).toBe(true);
    expect(rig.requests.filter(({ path }) => path === "/@acme%2flib")).toHaveLength(2);
    expect(home.env).toMatchObject({ ACME_TOKEN: "headrace-placeholder" });
    expect(JSON.stringify([home.env, rig.egress.client, rig.requests])).not.toContain("canary");
  });
});

const WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    info = "acme_lib-1.0.dist-info"
    wheel.writestr("acme_lib.py", "answer = 42")
    wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: acme-lib\\nVersion: 1.0\\n")
    wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "/RECORD", "")
`;
const FILE = "acme_lib-1.0-py3-none-any.whl";

describe("pip (needs that of this host's python3)", () => {
  it.skipIf(NO_PIP).each([
    ["absolute", (base: string) => `${base}/packages/${FILE}`],
    ["relative", () => `../../packages/${FILE}`],
    ["from the root", () => `/py/packages/${FILE}`],
  ])("gets a wheel from a private index whose links are %s", async (_, link) => {
    await using dir = await tempDir("headrace-wheel-");
    expect(spawnSync("python3", ["-c", WHEEL, join(dir.path, FILE)]).status).toBe(0);
    const wheel = readFileSync(join(dir.path, FILE));
    const hash = createHash("sha256").update(wheel).digest("hex");
    const pages = new Map<string, { type: string; body: string | Buffer }>();
    await using company = await startCompany(pages);
    const base = `http://127.0.0.1:${company.port}/py`;
    const body = `<!DOCTYPE html><a href="${link(base)}#sha256=${hash}">${FILE}</a>`;
    pages.set("/py/simple/acme-lib/", { type: "text/html", body });
    pages.set(`/py/packages/${FILE}`, { type: "application/zip", body: wheel });
    const index: PrivateRegistry = {
      ...{ name: "company", kind: "pypi", url: `${base}/simple/`, authorization: KEY },
      ...{ scopes: [], placeholders: [] },
    };
    await using rig = await startSession(createEgress({ registries: [index] }), {
      port: PROXY_PORT,
    });
    const requirements = `--index-url ${base}/simple/\nacme-lib==1.0 --hash=sha256:${hash}\n`;
    await using home = await openHome(rig.egress, { "requirements.txt": requirements });
    const download = ["-m", "pip", "download", "--no-cache-dir", "-d", "."];
    expect(await home.run("python3", ...download, "-r", "requirements.txt")).toMatchObject({
      code: 0,
    });
    expect(readFileSync(home.at(FILE))).toEqual(wheel);
    expect(await home.run("python3", ...download, "acme-lib")).toMatchObject({ code: 0 });
    expect(rig.requests.every(({ outcome }) => outcome === "allowed")).toBe(true);
  });
});
