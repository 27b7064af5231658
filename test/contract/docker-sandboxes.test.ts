import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, connect as dial, type Socket } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { type EnvironmentSpec, InfrastructureError, UserError } from "@headrace/domain";
import { createDockerSandboxes } from "@headrace/sandbox";
import { pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { baseImageTag } from "../../packages/cli/src/machine/base-image.mjs";
import { dockerHarness, engineAddress } from "../support/engine.ts";
import { commitFiles, git, packFrom, tempDir, tempRepo } from "../support/git.ts";
import { bytes, LABELS_OF_TEST, LIMITS, openPlain, printed, sh } from "./suites/sandbox-harness.ts";

let harness: Awaited<ReturnType<typeof dockerHarness>>;
beforeAll(async () => {
  harness = await dockerHarness();
});
afterAll(() => harness[Symbol.asyncDispose]());

const environment = async (spec: Partial<EnvironmentSpec>, sandboxes = harness.sandboxes) => {
  const none = { image: undefined, setup: [], files: [], env: {}, limits: LIMITS };
  return sandboxes.environment({ ...none, timeoutMs: 120_000, ...spec }, {});
};

/** An image made from the base image by a script that root runs. */
const imageAfter = async (script: string, changes: string[] = []): Promise<string> => {
  const tag = randomUUID();
  const container = await harness.docker.createContainer({
    Image: baseImageTag(),
    Entrypoint: ["/bin/sh", "-c", script],
    User: "0",
    HostConfig: { NetworkMode: "none" },
  });
  try {
    await container.start();
    await container.wait();
    await container.commit({ repo: "headrace-test", tag, changes });
  } finally {
    await container.remove({ force: true });
  }
  harness.discardLater(`headrace-test:${tag}`);
  return `headrace-test:${tag}`;
};

/** An image without files that says it is made for `architecture`. */
const loadEmpty = async (architecture: string): Promise<string> => {
  const layer = Buffer.alloc(1024);
  const tag = `headrace-test:${randomUUID()}`;
  const diff_ids = [`sha256:${createHash("sha256").update(layer).digest("hex")}`];
  const config = { architecture, os: "linux", config: {}, rootfs: { type: "layers", diff_ids } };
  const manifest = [{ Config: "config.json", RepoTags: [tag], Layers: ["layer.tar"] }];
  const tar = pack();
  tar.entry({ name: "layer.tar" }, layer);
  tar.entry({ name: "config.json" }, JSON.stringify(config));
  tar.entry({ name: "manifest.json" }, JSON.stringify(manifest));
  tar.finalize();
  const loading = await harness.docker.loadImage(Readable.from([await buffer(tar)]));
  loading.resume();
  await once(loading, "end");
  harness.discardLater(tag);
  return tag;
};

describe("set-up", () => {
  it("reaches the package registry with the host's certificates, of which the image keeps nothing", async () => {
    const manifest = { name: "app", version: "1.0.0", dependencies: { "is-number": "7.0.0" } };
    const package_json = bytes(JSON.stringify(manifest));
    const built = await environment({
      setup: ["npm install --no-audit --no-fund", `echo ${randomUUID()} > /dev/null`],
      files: [{ path: "package.json", bytes: package_json, executable: false }],
    });
    harness.discardLater(built.image);
    await using sandbox = await openPlain(harness, { image: built.image });
    expect(await printed(sandbox, `node -p 'require("is-number")(5)'`)).toBe("true");
    expect(
      await printed(
        sandbox,
        "find /opt/headrace/setup -type f; env | grep -ci 'cert\\|ssl' || true",
      ),
    ).toBe("0");
  });
});

describe("an environment's image", () => {
  it("names neither owner nor set-up's command, so that a person may run it unharmed", async () => {
    const built = await environment({ setup: [`echo ${randomUUID()} > made.txt`] });
    harness.discardLater(built.image);
    const { Config } = await harness.docker.getImage(built.image).inspect();
    expect(Config.Entrypoint).toEqual(["/bin/sh"]);
    expect(Config.Labels).toMatchObject({ "headrace.owner": "", "headrace.boot": "" });
    expect(Config.User).toBe("10001:10001");
  });
});

describe("a custom image", () => {
  it("is made fit to work in: Node, workspace and user are added, its own environment is kept", async () => {
    const strip =
      "rm -rf /usr/local/bin/node /usr/local/lib/node_modules /workspace && userdel -r agent; :";
    const image = await imageAfter(strip, ["ENV TOOLCHAIN=special", 'ENTRYPOINT ["/bin/false"]']);
    const built = await environment({ image });
    harness.discardLater(built.image);
    expect((await environment({ image })).cached).toBe(true);
    await using sandbox = await openPlain(harness, { image: built.image });
    expect(
      await printed(sandbox, "id -un; pwd; touch x ~/y && echo writable; echo $TOOLCHAIN"),
    ).toBe("agent\n/workspace\nwritable\nspecial");
    await using repo = await tempRepo();
    const base = await commitFiles(repo.path, { a: "1\n" });
    await sandbox.checkout(packFrom(repo.path, base), base);
    const { commit } = await sandbox.snapshot(base);
    expect(commit).not.toBe(git(repo.path, "rev-parse", base));
  });

  it("keeps its search path, with the user's own tools first and our Node and npm last", async () => {
    const strip = "rm -rf /usr/local/bin/node /usr/local/bin/np* /usr/local/lib/node_modules";
    const image = await imageAfter(strip, ["ENV PATH=/srv/tools:/usr/bin:/bin"]);
    const built = await environment({ image });
    harness.discardLater(built.image);
    await using sandbox = await openPlain(harness, { image: built.image });
    expect(
      await printed(sandbox, "echo $PATH; for tool in node npm npx; do command -v $tool; done"),
    ).toBe(
      "/home/agent/.local/bin:/srv/tools:/usr/bin:/bin:/opt/headrace/bin\n" +
        "/opt/headrace/bin/node\n/opt/headrace/bin/npm\n/opt/headrace/bin/npx",
    );
    expect(await printed(sandbox, "npm --version && npx --version && node -p 1+1")).toMatch(/\n2$/);
    const own = "mkdir -p ~/.local/bin && printf '#!/bin/sh\\necho v0' > ~/.local/bin/node";
    expect(await printed(sandbox, `${own} && chmod +x ~/.local/bin/node && node --version`)).toBe(
      "v0",
    );
  });

  it("of another architecture is refused before anything runs in it", async () => {
    const other = process.arch === "arm64" ? "amd64" : "arm64";
    const tag = await loadEmpty(other);
    await expect(environment({ image: tag })).rejects.toThrow(
      new RegExp(`is made for ${other}[\\s\\S]*docker pull --platform linux/`),
    );
  });

  it.each([
    ["git", "rm /usr/bin/git", /missing: git/],
    ["sh", "rm /bin/sh /bin/bash /bin/dash", /missing: sh/],
    ["glibc", "rm /lib64/ld-linux*", /missing: .*glibc/],
  ])("without %s is refused, naming it", async (_, script, message) => {
    const image = await imageAfter(script);
    const refused = environment({ image });
    await expect(refused).rejects.toBeInstanceOf(UserError);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow(/glibc, sh and git/);
  });

  it("whose volume would swallow the workspace is refused", async () => {
    const image = await imageAfter("true", ["VOLUME /workspace"]);
    await expect(environment({ image })).rejects.toThrow(/declares a volume at \/workspace/);
  });

  it("that is nowhere is refused with what to do", async () => {
    const image = `127.0.0.1:9/no-such-image:${randomUUID()}`;
    await expect(environment({ image })).rejects.toThrow(/cannot be pulled[\s\S]*docker pull/);
  });
});

describe("an engine", () => {
  it("without the base image is told apart, with the command that builds it", async () => {
    const engine = await engineAddress();
    const options = { engine, owner: "test", boot: "1", onWarning: () => {} };
    const sandboxes = createDockerSandboxes({ ...options, baseImage: "headrace-base:none" });
    await expect(environment({}, sandboxes)).rejects.toThrow(/npm run setup/);
    await sandboxes.close();
  });

  it("with fewer processors than asked for gives those it has, and says so", async () => {
    const engine = await engineAddress();
    const warnings: string[] = [];
    const options = { engine, baseImage: baseImageTag(), owner: `test-${randomUUID()}`, boot: "1" };
    const sandboxes = createDockerSandboxes({
      ...options,
      onWarning: (text) => warnings.push(text),
    });
    const { image } = await environment({}, sandboxes);
    const limits = { ...LIMITS, cpus: 128 };
    const sandbox = await sandboxes.open({ image, limits, env: {}, labels: LABELS_OF_TEST });
    expect((await sh(sandbox, "echo works")).output).toBe("works\n");
    expect(warnings.join()).toMatch(/^sandboxes get \d+ processors/);
    await sandboxes.close();
  });

  it("that breaks off is an infrastructure failure for commands, gates and openings alike", async () => {
    await using relay = await relayTo(await engineAddress());
    const options = { baseImage: baseImageTag(), owner: `test-${randomUUID()}`, boot: "1" };
    const sandboxes = createDockerSandboxes({
      ...options,
      engine: relay.address,
      onWarning: () => {},
    });
    const { image } = await environment({}, sandboxes);
    const spec = { image, limits: LIMITS, env: {}, labels: LABELS_OF_TEST };
    const sandbox = await sandboxes.open(spec);
    const running = [
      sh(sandbox, "sleep 60", 60_000),
      sandboxes.runGate({
        ...spec,
        command: "sleep 60",
        tar: new Uint8Array(1024),
        timeoutMs: 60_000,
        maxOutputBytes: 100,
      }),
    ].map((promise) =>
      promise.then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await relay.cut();
    for (const error of await Promise.all(running))
      expect(error).toBeInstanceOf(InfrastructureError);
    await expect(sandboxes.open(spec)).rejects.toThrow(InfrastructureError);
    const after = createDockerSandboxes({
      ...options,
      boot: "2",
      engine: await engineAddress(),
      onWarning: () => {},
    });
    expect(await after.reap()).toBe(2);
    await after.close();
  });
});

describe("a factory that is killed", () => {
  it("leaves no sandbox running, and what is left of it to the next boot", async () => {
    const engine = await engineAddress();
    const options = { engine, baseImage: baseImageTag(), owner: `test-${randomUUID()}` };
    const spec = { limits: LIMITS, env: {}, labels: LABELS_OF_TEST };
    const { image } = await environment({});
    const program = `
      import { createDockerSandboxes } from "@headrace/sandbox";
      const options = ${JSON.stringify({ ...options, boot: "killed" })};
      const sandboxes = createDockerSandboxes({ ...options, onWarning() {} });
      const sandbox = await sandboxes.open(${JSON.stringify({ ...spec, image })});
      sandbox.exec("sleep 321", { timeoutMs: 600_000, maxOutputBytes: 100 });
      console.log(sandbox.id);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      cwd: import.meta.dirname,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [id] = await once(child.stdout, "data");
    child.kill("SIGKILL");
    const container = harness.docker.getContainer(String(id).trim());
    await vi.waitFor(async () => expect((await container.inspect()).State.Running).toBe(false), {
      timeout: 10_000,
      interval: 200,
    });
    const next = createDockerSandboxes({ ...options, boot: "next", onWarning: () => {} });
    expect(await next.reap()).toBe(1);
    await next.close();
  });
});

/** A socket through which the engine is reached until it is cut. */
const relayTo = async (engine: Awaited<ReturnType<typeof engineAddress>>) => {
  const folder = await tempDir();
  const socketPath = join(folder.path, "engine.sock");
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = "socketPath" in engine ? dial(engine.socketPath) : dial(engine.port, engine.host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy()).on("close", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const cut = async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await rm(socketPath, { force: true });
  };
  return {
    address: { socketPath },
    cut,
    async [Symbol.asyncDispose]() {
      if (server.listening) await cut();
      await folder[Symbol.asyncDispose]();
    },
  };
};
