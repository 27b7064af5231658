import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InfrastructureError } from "@headrace/domain";
import { afterEach, expect, it } from "vitest";
import { bounded, connect, EngineRefusal } from "./engine.ts";

const cleanups: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** An engine on a socket of its own that answers as told. */
const engineThat = async (answer: RequestListener) => {
  const folder = await mkdtemp(join(tmpdir(), "headrace-engine-"));
  cleanups.push(() => rm(folder, { recursive: true }));
  const socketPath = join(folder, "engine.sock");
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return connect({ socketPath });
};
const inspect = (docker: ReturnType<typeof connect>, ms = 5000, signal?: AbortSignal) =>
  bounded({ to: "inspect a container", ms, signal }, (abortSignal) =>
    docker.getContainer("x").inspect({ abortSignal }),
  );

it("says what the engine refused and why, with the status", async () => {
  const docker = await engineThat((_, reply) =>
    reply.writeHead(404, { "content-type": "application/json" }).end('{"message":"no such thing"}'),
  );
  const refused = inspect(docker);
  await expect(refused).rejects.toBeInstanceOf(EngineRefusal);
  await expect(refused).rejects.toMatchObject({
    status: 404,
    message: "the container engine refused to inspect a container: no such thing",
  });
});

it("gives up on an engine that does not answer, as an infrastructure failure", async () => {
  const docker = await engineThat(() => {});
  const started = performance.now();
  await expect(inspect(docker, 200)).rejects.toThrow(InfrastructureError);
  expect(performance.now() - started).toBeLessThan(5000);
});

it("takes an engine that is gone or hangs up for an infrastructure failure", async () => {
  const hangsUp = await engineThat((request) => request.socket.destroy());
  await expect(inspect(hangsUp)).rejects.toThrow(/could not be reached.*inspect a container/);
  const gone = connect({ socketPath: join(tmpdir(), "no-such-engine.sock") });
  await expect(inspect(gone)).rejects.toThrow(InfrastructureError);
});

it("throws the caller's own reason when the caller gives up", async () => {
  const docker = await engineThat(() => {});
  const reason = new Error("run cancelled");
  await expect(inspect(docker, 5000, AbortSignal.timeout(100))).rejects.toThrow(/timeout/);
  await expect(inspect(docker, 5000, AbortSignal.abort(reason))).rejects.toBe(reason);
});

it("goes to the address it was given, whatever DOCKER_HOST says", async () => {
  const docker = await engineThat((_, reply) => reply.end('{"Id":"from the socket"}'));
  expect((await inspect(docker)).Id).toBe("from the socket");
  expect(connect({ host: "10.0.0.1", port: 2375 }).modem).toMatchObject({
    host: "10.0.0.1",
    protocol: "http",
  });
});
