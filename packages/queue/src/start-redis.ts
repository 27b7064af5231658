import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { InfrastructureError, UserError } from "@headrace/domain";
import { type RedisEndpoint, withConnection } from "./endpoint.ts";
import { findRedis, INSTALL_REDIS, type RedisProbe } from "./find-redis.ts";
import { RedisChild } from "./redis-child.ts";
import { endLeftover, socketDirectory } from "./redis-record.ts";

/** What the engine's package must be able to do for us. */
export type RunRedisContainer = (spec: {
  image: string;
  command: readonly string[];
  /** published on a random free port of the engine host's loopback interface, and nowhere else */
  port: number;
}) => Promise<AsyncDisposable & { host: string; port: number }>;

export type OwnedRedis = RedisEndpoint & AsyncDisposable;

const CONTAINER_IMAGE = "redis:7.4-alpine";
const CONTAINER_READY_MS = 30_000;

/**
 * The Redis this factory uses: `REDIS_URL`, else a server of this machine as a child, else a container. Disposing
 * of it ends what was started here. Only the owner of the data directory may call it: a server that is on record
 * there is taken for a leftover and ended. Throws `UserError` with the remedy when there is none.
 */
export const startRedis = async (options: {
  /** remembers the child, so that the next start ends one that was left behind */
  dataDir: string;
  env: NodeJS.ProcessEnv;
  onWarning: (message: string) => void;
  docker?: RunRedisContainer;
}): Promise<OwnedRedis> => {
  const { dataDir, env, onWarning, docker } = options;
  await endLeftover(dataDir);
  const probe = await findRedis(env);
  switch (probe.kind) {
    case "url":
      return connectTo(probe.url);
    case "server": {
      const directory = await socketDirectory();
      return RedisChild.start({ program: probe.program, directory, dataDir, onWarning });
    }
    case "none":
      if (docker === undefined) throw noRedis(probe);
      return runContainer(docker);
  }
};

const noRedis = ({ tooOld }: Extract<RedisProbe, { kind: "none" }>): UserError =>
  new UserError(
    tooOld === undefined
      ? "the queue needs Redis, and neither redis-server nor valkey-server was found"
      : `the queue needs Redis 5 or newer, found ${tooOld.version} (${tooOld.program})`,
    INSTALL_REDIS,
  );

const connectTo = async (url: string): Promise<OwnedRedis> => {
  const endpoint: RedisEndpoint = { url, description: describe(url) };
  try {
    await withConnection(endpoint, (redis) => redis.ping());
  } catch (cause) {
    throw new UserError(
      `REDIS_URL is set, but that Redis cannot be used (${endpoint.description}): ${(cause as Error).message}`,
      "start it, correct REDIS_URL, or unset it to have a Redis started here",
      { cause },
    );
  }
  return { ...endpoint, [Symbol.asyncDispose]: async () => {} };
};

/** The URL without credentials. */
const describe = (url: string): string => {
  if (url.startsWith("/")) return url;
  if (/^rediss?:\/\//.test(url) && URL.canParse(url)) {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  }
  throw new UserError(
    "REDIS_URL is not the address of a Redis",
    "expected redis://[user:password@]host:port, rediss://... or the absolute path of a unix socket",
  );
};

const runContainer = async (docker: RunRedisContainer): Promise<OwnedRedis> => {
  const password = randomBytes(24).toString("hex");
  const container = await docker({
    image: CONTAINER_IMAGE,
    command: containerCommand(password),
    port: 6379,
  });
  const address = `${container.host}:${container.port}`;
  const endpoint: RedisEndpoint = {
    url: `redis://:${password}@${address}`,
    description: `container ${CONTAINER_IMAGE} on ${address}`,
  };
  try {
    await answering(endpoint);
  } catch (error) {
    await container[Symbol.asyncDispose]();
    throw error;
  }
  return { ...endpoint, [Symbol.asyncDispose]: () => container[Symbol.asyncDispose]() };
};

const containerCommand = (password: string): string[] => [
  "redis-server",
  ...["--requirepass", password, "--save", "", "--appendonly", "no"],
  ...["--maxmemory-policy", "noeviction"],
];

const answering = async (endpoint: RedisEndpoint): Promise<void> => {
  const deadline = Date.now() + CONTAINER_READY_MS;
  for (;;) {
    try {
      await withConnection(endpoint, (redis) => redis.ping());
      return;
    } catch (error) {
      if (!(error instanceof InfrastructureError) || Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
};
