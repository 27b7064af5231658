import { randomBytes } from "node:crypto";
import { InfrastructureError, LABELS, PRODUCT } from "@headrace/domain";
import type Docker from "dockerode";
import { removeContainer } from "./container.ts";
import type { Owner } from "./containers.ts";
import { bounded, connect, type EngineAddress } from "./engine.ts";
import { findImage, pullImage } from "./images.ts";

const CALL_MS = 60_000;

export type ServiceSpec = Owner & {
  engine: EngineAddress;
  image: string;
  command: readonly string[];
  /** published on a random free port of the engine host's loopback interface, and nowhere else */
  port: number;
};

/**
 * Runs one of the factory's own services (not a sandbox) in a container, pulled where the engine lacks the image.
 * Disposing of it removes the container; one that is left over is reaped like any other of the owner.
 */
export const runService = async (
  spec: ServiceSpec,
): Promise<AsyncDisposable & { host: string; port: number }> => {
  const docker = connect(spec.engine);
  if (!(await findImage(docker, spec.image))) await pullImage(docker, spec.image);
  const name = `${PRODUCT}-service-${randomBytes(8).toString("hex")}`;
  try {
    const port = await start(docker, name, spec);
    return {
      host: hostOf(spec.engine),
      port,
      [Symbol.asyncDispose]: () => removeContainer(docker, name),
    };
  } catch (error) {
    await removeContainer(docker, name).catch(() => {});
    throw error;
  }
};

const start = async (docker: Docker, name: string, spec: ServiceSpec): Promise<number> => {
  const exposed = `${spec.port}/tcp`;
  const container = await bounded({ to: `create a container of ${spec.image}`, ms: CALL_MS }, () =>
    docker.createContainer({
      name,
      Image: spec.image,
      Cmd: [...spec.command],
      Labels: { [LABELS.owner]: spec.owner, [LABELS.boot]: spec.boot },
      ExposedPorts: { [exposed]: {} },
      HostConfig: {
        PortBindings: { [exposed]: [{ HostIp: "127.0.0.1", HostPort: "" }] },
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges:true"],
      },
      // capabilities are dropped, so the image's own step down from root could not happen
      User: "10001:10001",
    }),
  );
  await bounded({ to: `start ${spec.image}`, ms: CALL_MS }, () => container.start());
  const { NetworkSettings } = await bounded({ to: `look at ${spec.image}`, ms: CALL_MS }, () =>
    container.inspect(),
  );
  const published = NetworkSettings.Ports[exposed]?.[0]?.HostPort;
  if (!published) throw new InfrastructureError(`${spec.image} ended as soon as it was started`);
  return Number(published);
};

/** A published port is on the engine's own host. */
const hostOf = (engine: EngineAddress): string => ("host" in engine ? engine.host : "127.0.0.1");
