// @ts-check
// What the queue will find when it starts Redis: REDIS_URL, else a server program, else an image for a container.

import { execFile } from "node:child_process";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { findImage } from "./base-image.mjs";
import { which } from "./which.mjs";

/** The image the queue starts where there is no server program. */
export const REDIS_IMAGE = "redis:7.4-alpine";

const OLDEST_MAJOR = 5;
const PROBE_MS = 3000;

/**
 * @typedef {{ kind: "url", address: string, answers: boolean, detail: string }
 *   | { kind: "program", path: string, version: string, tooOld: boolean }
 *   | { kind: "container", image: string }
 *   | { kind: "none" }} RedisFound
 */

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {import("./find-engine.mjs").Engine} [engine]
 * @returns {Promise<RedisFound>}
 */
export const findRedis = async (env, engine) => {
  if (env.REDIS_URL) return { kind: "url", ...(await probe(env.REDIS_URL)) };
  const path = which("redis-server", env) ?? which("valkey-server", env);
  if (path) {
    const version = await programVersion(path);
    if (version)
      return {
        kind: "program",
        path,
        version,
        tooOld: Number.parseInt(version, 10) < OLDEST_MAJOR,
      };
  }
  if (engine && (await findImage(engine, REDIS_IMAGE)))
    return { kind: "container", image: REDIS_IMAGE };
  return { kind: "none" };
};

/** @param {string} path */
const programVersion = async (path) => {
  try {
    const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: PROBE_MS });
    return /\bv=(\S+)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
};

/**
 * Any reply counts, NOAUTH included: whether the password is right is the queue's to find out.
 * @param {string} text
 * @returns {Promise<{ address: string, answers: boolean, detail: string }>}
 */
const probe = (text) =>
  new Promise((resolve) => {
    if (!text.startsWith("/") && !URL.canParse(text)) {
      resolve({ address: "REDIS_URL", answers: false, detail: "it is not a URL" });
      return;
    }
    const url = text.startsWith("/") ? undefined : new URL(text);
    const address = url ? `${url.protocol}//${url.host}` : text;
    const target = { host: url?.hostname ?? "", port: Number(url?.port || 6379) };
    const socket = !url
      ? connectTcp(text)
      : url.protocol === "rediss:"
        ? connectTls({ ...target, servername: target.host })
        : connectTcp(target);
    const end = (/** @type {boolean} */ answers, /** @type {string} */ detail) => {
      socket.destroy();
      resolve({ address, answers, detail });
    };
    socket.setTimeout(PROBE_MS, () => end(false, `no answer within ${PROBE_MS} ms`));
    socket.on("error", (error) => end(false, error.message));
    socket.on("data", () => end(true, "answers"));
    socket.write("PING\r\n");
  });
