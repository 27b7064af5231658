import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { engineCandidates } from "./engine-addresses.mjs";
import { ENGINES } from "./engine-answers-fixture.ts";
import { ageFindings, wallFindings } from "./engine-findings.mjs";
import { diagnoseEngine } from "./engine-remedy.mjs";
import { type Engine, engineOf, findEngine } from "./find-engine.mjs";
import { callersNode } from "./find-node.mjs";
import { inspect } from "./findings.mjs";
import { installCommands, installRemedy } from "./system-packages.mjs";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-machine-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const program = async (path: string, body = "exit 0"): Promise<void> => {
  await mkdir(join(folder, path, ".."), { recursive: true });
  await writeFile(join(folder, path), `#!/bin/sh\n${body}\n`);
  await chmod(join(folder, path), 0o755);
};

describe("where an engine is looked for", () => {
  it("is only where DOCKER_HOST says, when it says", () => {
    const urls = (env: NodeJS.ProcessEnv) => engineCandidates({ HOME: folder, ...env });
    expect(urls({ DOCKER_HOST: "tcp://engine:2375" })).toEqual([
      {
        source: "DOCKER_HOST",
        url: "tcp://engine:2375",
        address: { host: "engine", port: 2375 },
      },
    ]);
    expect(urls({ DOCKER_HOST: "tcp://[::1]", DOCKER_TLS_VERIFY: "1" })[0]?.address).toEqual({
      host: "::1",
      port: 2376,
      tls: {},
    });
    expect(urls({ DOCKER_HOST: "ssh://me@engine" })[0]?.problem).toContain("not supported");
  });

  it("is first the context the docker command uses, then the sockets products are known by", async () => {
    const id = createHash("sha256").update("lab").digest("hex");
    const meta = join(folder, ".docker/contexts/meta", id);
    await mkdir(meta, { recursive: true });
    await writeFile(
      join(meta, "meta.json"),
      JSON.stringify({ Endpoints: { docker: { Host: "unix:///lab.sock" } } }),
    );
    await writeFile(join(folder, ".docker/config.json"), '{"currentContext":"lab"}');
    const env = { HOME: folder, XDG_RUNTIME_DIR: "/run/user/7" };
    expect(engineCandidates(env).map(({ url }) => url.replace(folder, "~"))).toEqual([
      "unix:///lab.sock",
      "unix:///var/run/docker.sock",
      "unix:///run/user/7/docker.sock",
      "unix://~/.docker/run/docker.sock",
      "unix://~/.docker/desktop/docker.sock",
      "unix://~/.colima/default/docker.sock",
      "unix://~/.orbstack/run/docker.sock",
      "unix://~/.rd/docker.sock",
    ]);
    expect(engineCandidates({ ...env, DOCKER_CONTEXT: "gone" })).toMatchObject([
      { source: "context gone", problem: "no such docker context" },
    ]);
  });
});

describe("what answers there", () => {
  const listening = async (answer: RequestListener) => {
    const socket = join(folder, "engine.sock");
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    return {
      env: { HOME: folder, DOCKER_HOST: `unix://${socket}` },
      [Symbol.asyncDispose]: async () => {
        server.closeAllConnections();
        server.close();
      },
    };
  };

  it("is refused when it is no engine, with what it said", async () => {
    await using server = await listening((_request, response) => response.end("hello"));
    expect(await findEngine(server.env)).toMatchObject({
      tried: [{ problem: "unusable", detail: expect.stringContaining("not JSON") }],
    });
  });

  it("is refused when it runs Windows containers", async () => {
    await using server = await listening((_request, response) =>
      response.end('{"OSType":"windows"}'),
    );
    expect(await findEngine(server.env)).toMatchObject({
      tried: [{ detail: expect.stringContaining("switch it to Linux containers") }],
    });
  });

  it("is waited for no longer than its bound", async () => {
    await using server = await listening(() => {});
    expect(await findEngine(server.env)).toMatchObject({
      tried: [{ problem: "silent", detail: "no answer within 4000 ms" }],
    });
  });

  it("is told apart from an engine the user may not use", () => {
    const denied = { source: "socket", url: "unix:///s", problem: "denied", detail: "" } as const;
    expect(diagnoseEngine([denied], {})).toMatchObject({
      trouble: "permission",
      remedy: expect.stringContaining("usermod -aG docker"),
    });
  });
});

describe("what to install", () => {
  it.each([
    ["apt-get", "apt-get install -y --no-install-recommends docker.io redis-server"],
    ["dnf", "dnf install -y moby-engine valkey"],
    ["brew", "brew install colima docker redis"],
  ])("is said in the words of %s", async (manager, command) => {
    await program(`bin/${manager}`);
    const env = { PATH: join(folder, "bin") };
    const lines = installCommands(["engine", "redis"], env)?.map((words) => words.join(" "));
    expect(lines?.map((line) => line.replace(/^sudo /, ""))).toContain(command);
  });

  it("names the products where the package manager is unknown", () => {
    expect(installCommands(["redis"], { PATH: folder })).toBeUndefined();
    expect(installRemedy(["redis"], { PATH: folder })).toContain("redis-server or valkey-server");
  });
});

describe("the caller's Node", () => {
  it("is looked for past node_modules/.bin, which npm puts first on the path", async () => {
    await program("node_modules/.bin/node", "echo v24.1.0");
    await program("own/node", "echo v26.10.0");
    const PATH = `${folder}/node_modules/.bin:${folder}/own`;
    expect(await callersNode({ PATH })).toEqual({
      path: join(folder, "own/node"),
      version: "26.10.0",
    });
  });
});

describe("what doctor finds", () => {
  it.each([
    ["1.1.5+ds1", ["warn"]],
    ["1.2.7", ["warn"]],
    ["1.2.8", ["ok"]],
    ["1.3.2", ["warn"]],
    ["1.3.3", ["ok"]],
    ["1.4.0", ["ok"]],
    ["", []],
  ])("of runc %j is %j", (runc, states) => {
    const engine = {
      kernel: "",
      version: "",
      runc,
      crun: "",
      containerd: "",
      podman: false,
    } as Engine;
    expect(ageFindings(engine).map(({ state }) => state)).toEqual(states);
  });

  it.each(ENGINES)("of $engine is what its answers mean", ({ version, info, findings }) => {
    const address = { socketPath: "/s" };
    const engine = engineOf({ source: "socket", url: "unix:///s", address }, version, info);
    const told = [...ageFindings(engine), ...wallFindings(engine)];
    expect(told.map(({ name, state }) => `${name} ${state}`).join(", ")).toBe(findings);
    for (const { state, remedy } of told) expect(remedy !== undefined).toBe(state !== "ok");
  });

  it("tells the kernel that sandboxes share, and judges it by no number", () => {
    const engine = { version: "", runc: "", crun: "", containerd: "", podman: false } as Engine;
    expect(ageFindings({ ...engine, kernel: "3.10.0-1160.el7.x86_64" })).toEqual([
      {
        name: "kernel",
        state: "ok",
        detail: "3.10.0-1160.el7.x86_64; what is mended in it, it does not say",
      },
    ]);
  });

  it("gives a remedy with everything that is not well", async () => {
    const env = {
      PATH: folder,
      HOME: folder,
      DOCKER_HOST: `unix://${folder}/none.sock`,
      REDIS_URL: `unix-nonsense`,
    };
    const findings = await inspect({ env });
    expect(findings.filter(({ state }) => state !== "ok").map(({ name }) => name)).toEqual(
      expect.arrayContaining(["git", "engine", "redis", "model key"]),
    );
    for (const { state, remedy } of findings) expect(remedy !== undefined).toBe(state !== "ok");
  });
});
