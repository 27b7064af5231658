import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, connect as dial, type Socket } from "node:net";
import { join } from "node:path";
import { type EnvironmentSpec, InfrastructureError, UserError } from "@headrace/domain";
import { createDockerSandboxes } from "@headrace/sandbox";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { baseImageTag } from "../../packages/cli/src/machine/base-image.mjs";
import { dockerHarness, engineAddress } from "../support/engine.ts";
import { tempDir } from "../support/git.ts";
import { LABELS_OF_TEST, LIMITS, PLAIN, sh } from "./suites/sandbox-harness.ts";

let harness: Awaited<ReturnType<typeof dockerHarness>>;
beforeAll(async () => {
  harness = await dockerHarness();
});
afterAll(() => harness[Symbol.asyncDispose]());

const environment = (spec: Partial<EnvironmentSpec>, sandboxes = harness.sandboxes) =>
  sandboxes.environment({ ...PLAIN, ...spec }, {});

describe("an engine", () => {
  it("without the base image is told apart, with the command that builds it", async () => {
    const engine = await engineAddress();
    const options = { engine, owner: "test", boot: "1", onWarning: () => {} };
    const sandboxes = createDockerSandboxes({ ...options, baseImage: "headrace-base:none" });
    await expect(environment({}, sandboxes)).rejects.toThrow(/npm run setup/);
    await sandboxes.close();
  });

  it("with less memory than asked for gives what it has for sandboxes, and says so", async () => {
    const asked = { ...LIMITS, memoryMb: 262_144 };
    const warnings: string[] = [];
    const sandboxes = createDockerSandboxes({
      ...{
        engine: await engineAddress(),
        baseImage: baseImageTag(),
        owner: `test-${randomUUID()}`,
      },
      boot: "1",
      onWarning: (text) => warnings.push(text),
    });
    const { image } = await environment({ limits: asked }, sandboxes);
    const spec = { image, limits: asked, env: {}, labels: LABELS_OF_TEST };
    const sandbox = await sandboxes.open(spec);
    const { HostConfig } = await harness.docker.getContainer(sandbox.id).inspect();
    const { memoryBytes } = await sandboxes.describe();
    expect(HostConfig.Memory).toBeLessThanOrEqual(memoryBytes * 0.8);
    const [, tmpMb] = /size=(\d+)m/.exec(HostConfig.Tmpfs?.["/tmp"] ?? "") ?? [];
    expect(Number(tmpMb) * 2 ** 20).toBeLessThanOrEqual(memoryBytes * 0.4);
    expect(warnings).toEqual([expect.stringMatching(/^sandboxes get \d+ MB of memory/)]);
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

  it("with an image whose environment keeps the supervisor from starting says so, and it is no loss", async () => {
    const [repo, tag] = ["headrace-test", randomUUID()];
    const container = await harness.docker.createContainer({ Image: baseImageTag() });
    await container.commit({ repo, tag, changes: ["ENV NODE_OPTIONS=--no-such-option"] });
    await container.remove({ v: true });
    harness.discardLater(`${repo}:${tag}`);
    const spec = { limits: LIMITS, env: {}, labels: LABELS_OF_TEST };
    const opened = harness.sandboxes.open({ ...spec, image: `${repo}:${tag}` });
    await expect(opened).rejects.toThrow(
      /supervisor of a sandbox cannot start in its image: it ended with exit code 9.*NODE_OPTIONS/s,
    );
    await expect(opened).rejects.toBeInstanceOf(UserError);
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
    expect(await after.reap()).toBeGreaterThanOrEqual(2);
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
    // the dead process's probe of the disk ends by itself, and may be gone before
    expect(await next.reap()).toBeGreaterThanOrEqual(1);
    expect(await next.reap()).toBe(0);
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
