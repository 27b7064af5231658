import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { startRedis } from "@headrace/queue";
import { runService } from "@headrace/sandbox";
import Docker from "dockerode";
import { Redis } from "ioredis";
import { pack } from "tar-stream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { baseImageTag } from "../../packages/cli/src/machine/base-image.mjs";
import { which } from "../../packages/cli/src/machine/which.mjs";
import { engineAddress } from "../support/engine.ts";

/** No registry answers everywhere, so the image is the base image with this machine's own redis-server in it. */
const tag = { repo: "headrace-test-redis", tag: randomUUID() };
const image = `${tag.repo}:${tag.tag}`;
const program = process.platform === "linux" ? which("redis-server") : undefined;
const needed = it.skipIf(program === undefined); // needs a redis-server of this machine to put into an image

const withLibraries = (file: string): string[] => {
  const listed = execFileSync("ldd", [file], { encoding: "utf8" });
  return [file, ...[...listed.matchAll(/=> (\/\S+)/g)].map(([, path]) => path ?? "")];
};

const pingWithoutPassword = async (port: number): Promise<string> => {
  const socket = connect(port, "127.0.0.1");
  socket.write("PING\r\n");
  const [answer] = await once(socket, "data");
  socket.destroy();
  return String(answer);
};

beforeAll(async () => {
  if (program === undefined) return;
  const docker = new Docker(await engineAddress());
  const container = await docker.createContainer({
    Image: baseImageTag(),
    Cmd: ["true"],
    User: "0",
  });
  const archive = pack();
  for (const path of withLibraries(program)) {
    archive.entry({ name: path.slice(1), mode: 0o755 }, await readFile(path));
  }
  archive.finalize();
  await container.putArchive(await buffer(archive), { path: "/" });
  await container.commit(tag);
  await container.remove({ force: true });
});

afterAll(async () => {
  if (program !== undefined)
    await new Docker(await engineAddress()).getImage(image).remove({ force: true });
});

needed(
  "where there is no server program, Redis runs in a container with a password, on loopback only",
  async () => {
    const engine = await engineAddress();
    const owner = { owner: `test-${randomUUID()}`, boot: "boot-1" };
    const dataDir = await mkdtemp(join(tmpdir(), "headrace-redis-container-"));
    try {
      await using redis = await startRedis({
        dataDir,
        env: { PATH: dataDir },
        onWarning: () => {},
        docker: (spec) => runService({ engine, ...owner, ...spec, image }),
      });
      const { host, port, password } = new URL(redis.url);
      expect(host).toMatch(/^127\.0\.0\.1:/);
      expect(await pingWithoutPassword(Number(port))).toMatch(/^-NOAUTH/);
      const ours = new Redis({ host: "127.0.0.1", port: Number(port), password });
      expect(await ours.config("GET", "maxmemory-policy")).toEqual([
        "maxmemory-policy",
        "noeviction",
      ]);
      ours.disconnect();
      const [container] = await new Docker(engine).listContainers({
        filters: { label: [`headrace.owner=${owner.owner}`] },
      });
      expect(container?.Ports.map((p) => p.IP)).toEqual(["127.0.0.1"]);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
    const left = await new Docker(engine).listContainers({
      all: true,
      filters: { label: [`headrace.owner=${owner.owner}`] },
    });
    expect(left).toEqual([]);
  },
);
