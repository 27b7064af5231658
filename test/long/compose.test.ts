import { execFile, execFileSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { baseImageTag, findImage } from "../../packages/cli/src/machine/base-image.mjs";
import { findEngine } from "../../packages/cli/src/machine/find-engine.mjs";
import { which } from "../../packages/cli/src/machine/which.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const HOST_CA = process.env.NODE_EXTRA_CA_CERTS;

const Service = z.object({
  ports: z.array(z.unknown()).default([]),
  healthcheck: z.object({ test: z.array(z.string()) }),
  volumes: z.array(z.unknown()),
  secrets: z.array(z.unknown()).default([]),
});
const Config = z.object({ services: z.object({ redis: Service, headrace: Service }) });

const tool = which("docker-compose");
const engine = (await findEngine(process.env)).engine;
const hasBase = engine !== undefined && (await findImage(engine, baseImageTag())) !== undefined;

/** A copy of what git would clone, so that the build sees no leftovers of this work tree. */
const exportTree = async (to: string): Promise<void> => {
  const listed = execFileSync("git", ["-C", root, "ls-files", "-z"], { encoding: "utf8" });
  for (const path of listed.split("\0").filter(Boolean)) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    await copyFile(join(root, path), join(to, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  }
};

describe.skipIf(tool === undefined)("docker-compose.yml (skipped without docker-compose)", () => {
  let folder = "";
  const project = `headrace-test-${process.pid}`;
  const compose = async (...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(tool ?? "", ["-p", project, ...args], {
      cwd: folder,
      env: { ...process.env, HEADRACE_BASE: baseImageTag(), DOCKER_BUILDKIT: "0" },
      timeout: 240_000,
      maxBuffer: 16 * 1024 ** 2,
    });
    return stdout;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "headrace-compose-"));
    await exportTree(folder);
    if (HOST_CA) await copyFile(HOST_CA, join(folder, "extra-ca.crt"));
    await mkdir(join(folder, ".secrets"));
    await writeFile(join(folder, ".secrets/anthropic_api_key"), "not-a-key");
    await writeFile(join(folder, ".secrets/headrace_token"), "not-a-token-either");
  });

  afterAll(async () => {
    await compose("down", "--volumes", "--rmi", "local").catch(() => {});
    await rm(folder, { recursive: true, force: true });
  });

  it("is valid, publishes on loopback only and checks the health of both services", async () => {
    const { services } = Config.parse(parse(await compose("config")));
    expect(services.redis.ports).toEqual([]);
    expect(services.headrace.ports).toHaveLength(1);
    expect(JSON.stringify(services.headrace.ports)).toMatch(/127\.0\.0\.1/);
    expect(services.redis.healthcheck.test.join(" ")).toContain("redis-cli ping");
    expect(services.headrace.healthcheck.test.join(" ")).toContain("factory-health.mjs");
    expect(services.headrace.secrets).toHaveLength(2);
  });

  it.skipIf(!hasBase)(
    "builds with the classic builder on the base image, and the image runs the command (skipped without the image)",
    async () => {
      await compose("build", "headrace");
      const run = ["run", "--rm", "--no-deps", "headrace"];
      expect(await compose(...run, "--version")).toBe("0.1.0\n");
    },
    240_000,
  );
});
