import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { PrivateRegistry } from "@headrace/sandbox";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCertificates } from "../support/egress-certificates.ts";
import { ask, startEgress, startUpstream, type Upstream } from "../support/egress-rig.ts";
import { tempDir } from "../support/git.ts";
import { NO_PIP } from "../support/needs.ts";
import { pythonWheel } from "../support/real-packages.ts";
import { startPythonIndex } from "../support/real-registries.ts";
import { ended } from "../support/shell.ts";

/** A company's index beside PyPI: PyPI has packages of the company's names, too, as an attacker would put there. */
const LOGIN = "ann:canary-0815";
const PROXY = "http://127.0.0.1:3128";
const project = (name: string, code: string) => ({
  ...{ name, version: "1.0", code },
  module: name.replaceAll("-", "_"),
});

type Rig = Awaited<ReturnType<typeof startEgress>>;
let company: Awaited<ReturnType<typeof startPythonIndex>>;
let pypi: Upstream;
let rig: Rig;
/** what PyPI and its files' host were asked, as host and path */
const atPypi: string[] = [];
const acme = (more: Partial<PrivateRegistry> = {}): PrivateRegistry => ({
  ...{ name: "acme", kind: "pypi", url: company.url, scopes: [], placeholders: [] },
  ...{ packages: ["Acme_*", "internal.lib"], ...more },
  authorization: `Basic ${Buffer.from(LOGIN).toString("base64")}`,
});

beforeAll(async () => {
  const certificates = makeCertificates(["pypi.org", "files.pythonhosted.org"]);
  const stranger = ["acme-lib", "acme-only-there", "public-lib", "internal-lib-extra"];
  const wheels = stranger.map((name) => pythonWheel(project(name, "whose = 'strangers'")));
  pypi = await startUpstream((request, response) => {
    const { url = "" } = request;
    atPypi.push(`${request.headers.host}${url}`);
    const wheel = wheels.find(({ file }) => url === `/packages/${file}`);
    const name = /^\/simple\/([^/]+)\/$/.exec(url)?.[1]?.replaceAll("-", "_");
    const listed = wheels.find(({ file }) => file.startsWith(`${name}-`));
    if (url === "/simple/public-hop/")
      return void response.writeHead(302, { location: "/simple/acme-lib/" }).end();
    if (wheel !== undefined) return void response.end(wheel.bytes);
    if (listed === undefined) return void response.writeHead(404).end();
    const link = `<a href="https://files.pythonhosted.org/packages/${listed.file}">${listed.file}</a>`;
    response.writeHead(200, { "content-type": "text/html" }).end(`<!DOCTYPE html>${link}`);
  }, certificates);
  company = await startPythonIndex(LOGIN, [
    project("acme-lib", "whose = 'ours'"),
    project("internal-lib", "whose = 'ours'"),
  ]);
  rig = await startEgress({
    ca: certificates.ca,
    ports: { 443: pypi.port },
    registries: [acme()],
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await pypi[Symbol.asyncDispose]();
  await company[Symbol.asyncDispose]();
});

describe("an index beside PyPI", () => {
  it("leaves PyPI's endpoint to the clients", () => {
    expect(rig.egress.client.env).toMatchObject({
      PIP_INDEX_URL: `${PROXY}/pypi/simple`,
      UV_DEFAULT_INDEX: `${PROXY}/pypi/simple`,
    });
  });

  it.each([
    ["/pypi/simple/acme-lib/", "/acme/simple/acme-lib/"],
    ["/pypi/simple/acme-lib", "/acme/simple/acme-lib/"],
    ["/pypi/simple/Acme_Lib/", "/acme/simple/acme-lib/"],
    ["/pypi/simple/ACME.-_lib/?format=json", "/acme/simple/acme-lib/"],
    ["/pypi/simple/acme%2Dlib/", "/acme/simple/acme-lib/"],
    ["/pypi/simple/acme%252dlib/", "/acme/simple/acme-lib/"],
    ["/pypi//simple//acme-lib/", "/acme/simple/acme-lib/"],
    ["/pypi/simple/acme-lib;v=1/", "/acme/simple/acme-lib/"],
    ["/pypi/SIMPLE/acme-lib/", "/acme/simple/acme-lib/"],
    ["/pypi/simple/internal-lib/", "/acme/simple/internal-lib/"],
    ["/pypi/pypi/Internal.Lib/json", "/acme/pypi/internal-lib/json"],
    ["/pypi/pypi/acme-lib/1.0/json", "/acme/pypi/acme-lib/1.0/json"],
  ])("is where a client is sent from %s", async (path, to) => {
    const before = atPypi.length;
    const { status, headers } = await ask(rig.port, path);
    expect([status, headers.get("location")]).toEqual([307, `${PROXY}${to}`]);
    expect(atPypi.length).toBe(before);
    expect(rig.requests.at(-1)).toMatchObject({ host: new URL(company.url).host, detail: "307" });
  });

  it.each([
    "/pypi-files/packages/acme_lib-1.0-py3-none-any.whl",
    "/pypi-files/packages/Acme_Lib-1.0-py3-none-any.whl.metadata",
    "/pypi-files/packages/source/a/acme-lib/acme-lib-1.0.tar.gz",
    "/pypi-files/packages/acme%5flib-1.0.tar.gz",
    "/pypi-files/packages/internal.lib-2!1.0.zip",
    "/pypi/packages/acme_lib-1.0.tar.gz",
    "/pypi/simple/acme-lib/acme_lib-1.0.tar.gz",
    "/pypi/pypi/acme-lib/",
  ])("has a file or page of its packages refused elsewhere: %s", async (path) => {
    const before = atPypi.length;
    const { status, body } = await ask(rig.port, path);
    expect(status).toBe(403);
    expect(body).toMatch(/-lib comes from the registry acme alone.*: lock it against http/);
    expect(atPypi.length).toBe(before);
  });

  it.each([
    ["/pypi/simple/public-lib/", "pypi.org/simple/public-lib/"],
    ["/pypi/simple/internal-lib-extra/", "pypi.org/simple/internal-lib-extra/"],
    ["/pypi/simple/acme/", "pypi.org/simple/acme/"],
    ["/pypi-files/packages/internal_lib_extra-1.0.whl", undefined],
    ["/pypi-files/packages/acme-1.0.tar.gz", undefined],
  ])("takes nothing else away from PyPI: %s", async (path, asked) => {
    await ask(rig.port, path);
    expect(atPypi.at(-1)).toBe(asked ?? path.replace("/pypi-files", "files.pythonhosted.org"));
  });

  it("is not asked for what it is not named for, which a client then finds at PyPI", async () => {
    const before = company.served.length;
    const { status, body } = await ask(rig.port, "/acme/simple/public-lib/");
    expect(status).toBe(404);
    expect(body).toMatch(/add its name to `packages` of the registry acme in config\.yaml/);
    expect(company.served.length).toBe(before);
  });

  it("is not passed by where it lacks a package of its own", async () => {
    const before = atPypi.length;
    const response = await fetch(`http://127.0.0.1:${rig.port}/acme/simple/acme-only-there/`);
    expect(response.status).toBe(404);
    expect(company.served.at(-1)).toBe("GET /simple/acme-only-there/");
    expect(atPypi.length).toBe(before);
  });

  it("is not followed to PyPI for a package of its own, nor PyPI to PyPI", async () => {
    await using passing = await startUpstream((request, response) => {
      response.writeHead(302, { location: `https://pypi.org${request.url}` }).end();
    });
    const url = `http://127.0.0.1:${passing.port}/simple/`;
    await using beside = await startEgress({
      ports: { 443: pypi.port },
      hosts: ["pypi.org"],
      registries: [acme({ url })],
    });
    const before = atPypi.length;
    expect((await ask(beside.port, "/acme/simple/acme-lib/")).status).toBe(403);
    const detail = "redirected to where that package does not come from";
    expect(beside.requests).toMatchObject([{ host: "pypi.org", outcome: "refused", detail }]);
    expect(atPypi.length).toBe(before);
    expect((await ask(rig.port, "/pypi/simple/public-hop/")).status).toBe(403);
    expect(atPypi.slice(before)).toEqual(["pypi.org/simple/public-hop/"]);
  });

  it("may stand beside a registry that takes PyPI's place", async () => {
    await using mirror = await startPythonIndex(LOGIN, [project("public-lib", "")]);
    const registries = [acme({ name: "mirror", url: mirror.url, packages: [] }), acme()];
    await using both = await startEgress({ registries });
    expect(both.egress.client.env).toMatchObject({ PIP_INDEX_URL: `${PROXY}/mirror/simple` });
    const sent = await ask(both.port, "/mirror/simple/acme_lib/");
    expect(sent.headers.get("location")).toBe(`${PROXY}/acme/simple/acme-lib/`);
    const file = await ask(both.port, "/mirror/files/acme_lib-1.0-py3-none-any.whl");
    expect(file.status).toBe(403);
    expect((await ask(both.port, "/mirror/simple/public-lib/")).status).toBe(200);
    expect(mirror.served).toEqual(["GET /simple/public-lib/"]);
  });

  it("is refused where its packages are patterns of anything", async () => {
    for (const [one, reason] of [
      ["*", "takes PyPI's place"],
      ["a*b", "no name of a package"],
      ["acme-", "no name of a package"],
    ] as const)
      await expect(startEgress({ registries: [acme({ packages: [one] })] })).rejects.toThrow(
        reason,
      );
  });
});

describe.skipIf(NO_PIP)("pip", () => {
  it("installs from both through one endpoint, and takes nothing of the company's from PyPI (needs pip)", async () => {
    await using dir = await tempDir("headrace-pip-");
    const at = `http://127.0.0.1:${rig.port}`;
    const proxied = { http_proxy: at, HTTP_PROXY: at, no_proxy: "", NO_PROXY: "" };
    const env = {
      PATH: process.env.PATH,
      HOME: dir.path,
      ...rig.egress.client.env,
      // this rig has a port of its own, and is asked as a proxy for the endpoints it tells of
      ...proxied,
    };
    const pip = (...args: string[]) => {
      const install = ["-m", "pip", "install", "--no-deps", "--target", join(dir.path, "lib")];
      return ended(
        spawn("python3", [...install, ...args], { env, stdio: ["ignore", "pipe", "pipe"] }),
      );
    };
    const before = atPypi.length;
    const extra = ["--extra-index-url", `${PROXY}/acme/simple`];
    expect(await pip("Acme_Lib", "internal-lib", "public-lib", ...extra)).toMatchObject({
      code: 0,
    });
    expect(await pip("acme-only-there", ...extra)).not.toMatchObject({ code: 0 });
    expect(existsSync(join(dir.path, "lib/public_lib.py"))).toBe(true);
    const whose = "import acme_lib, internal_lib; print(acme_lib.whose, internal_lib.whose)";
    const python = spawnSync("python3", ["-c", whose], { cwd: join(dir.path, "lib"), env });
    expect(String(python.stdout)).toBe("ours ours\n");
    expect(atPypi.slice(before).filter((asked) => /acme|internal/.test(asked))).toEqual([]);
    expect(company.turnedAway).toEqual([]);
  });
});
