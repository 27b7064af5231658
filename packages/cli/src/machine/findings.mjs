// @ts-check
// What this machine has and lacks: the same list for `npm run setup` and `headrace doctor`. It changes nothing.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { baseImageTag, findImage } from "./base-image.mjs";
import { ageFindings, engineExtras, engineFinding, wallFindings } from "./engine-findings.mjs";
import { findEngine } from "./find-engine.mjs";
import { callersNode, isNewEnough, NODE_MAJOR, projectNode } from "./find-node.mjs";
import { findRedis } from "./find-redis.mjs";
import { installRemedy } from "./system-packages.mjs";
import { which } from "./which.mjs";

/**
 * `missing` keeps Headrace from working, `warn` does not.
 * @typedef {{ name: string, state: "ok" | "missing" | "warn", detail: string, remedy?: string }} Finding
 */

/**
 * In the order a person would mend them.
 * @param {{ env: NodeJS.ProcessEnv }} options
 * @returns {Promise<Finding[]>}
 */
export const inspect = async ({ env }) => {
  const found = await findEngine(env);
  const { engine } = found;
  const lists = await Promise.all([
    node(env),
    git(env),
    engineFinding(found, env),
    engine ? [...ageFindings(engine), ...wallFindings(engine)] : [],
    redis(env, engine),
    engine ? baseImage(engine) : [],
    network(env),
    disk(env, engine),
    arch(engine),
    key(env),
    engine ? engineExtras(engine, env) : [],
  ]);
  return lists.flat();
};

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Finding>}
 */
const node = async (env) => {
  const [own, project] = await Promise.all([callersNode(env), projectNode()]);
  const name = "node";
  if (own && isNewEnough(own.version))
    return { name, state: "ok", detail: `${own.version} (${own.path})` };
  const old = own ? `yours is ${own.version}` : "you have none";
  return project
    ? { name, state: "ok", detail: `${project.version} from the npm package node; ${old}` }
    : {
        name,
        state: "missing",
        detail: `Node ${NODE_MAJOR} or newer; ${old}`,
        remedy: "npm run setup",
      };
};

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Finding>}
 */
const git = async (env) => {
  const name = "git";
  const path = which("git", env);
  const remedy = installRemedy(["git"], env);
  if (!path) return { name, state: "missing", detail: "not found", remedy };
  const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: 5000 });
  const [version = "", major = 0, minor = 0] = /(\d+)\.(\d+)[\d.]*/.exec(stdout) ?? [];
  if (Number(major) * 1000 + Number(minor) >= 2038)
    return { name, state: "ok", detail: `${version} (${path})` };
  const detail = `${version} (${path}); merges without a work tree need 2.38`;
  return { name, state: "missing", detail, remedy };
};

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {import("./find-engine.mjs").Engine} [engine]
 * @returns {Promise<Finding>}
 */
const redis = async (env, engine) => {
  const name = "redis";
  const remedy = installRemedy(["redis"], env);
  const found = await findRedis(env, engine);
  switch (found.kind) {
    case "url":
      return found.answers
        ? { name, state: "ok", detail: `${found.address} from REDIS_URL answers` }
        : {
            name,
            state: "missing",
            detail: `${found.address} from REDIS_URL: ${found.detail}`,
            remedy: "start it, correct REDIS_URL, or unset it to have one started here",
          };
    case "program": {
      const detail = `${found.version} (${found.path}), started when it is needed`;
      return found.tooOld
        ? { name, state: "missing", detail: `${detail}; BullMQ needs 5 or newer`, remedy }
        : { name, state: "ok", detail };
    }
    case "container":
      return { name, state: "ok", detail: `a container of ${found.image}, started when needed` };
    case "none":
      return { name, state: "missing", detail: "no redis-server, no valkey-server", remedy };
  }
};

/**
 * @param {import("./find-engine.mjs").Engine} engine
 * @returns {Promise<Finding>}
 */
const baseImage = async (engine) => {
  const tag = baseImageTag();
  return (await findImage(engine, tag))
    ? { name: "base image", state: "ok", detail: tag }
    : {
        name: "base image",
        state: "missing",
        detail: `${tag} is not built`,
        remedy: "npm run setup",
      };
};

const CA_VARIABLES = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"];
const CA_FILES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Finding}
 */
const network = (env) => {
  const named = CA_VARIABLES.map((name) => env[name]).find((path) => path && existsSync(path));
  const bundle = named ?? CA_FILES.find((path) => existsSync(path));
  return {
    name: "network",
    state: "ok",
    detail: `sandboxes have none; set-up asks the factory's proxy, which trusts the host's CA bundle (${bundle ?? "none found"})`,
  };
};

const LOW_DISK = 10e9;

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {import("./find-engine.mjs").Engine} [engine]
 * @returns {Promise<Finding>}
 */
const disk = async (env, engine) => {
  const local = engine && existsSync(engine.rootDir) ? [engine.rootDir] : [];
  const folders = [...new Set([env.HOME ?? homedir(), tmpdir(), ...local])];
  const free = await Promise.all(
    folders.map(async (folder) => {
      const { bavail, bsize } = await statfs(folder);
      return { folder, bytes: bavail * bsize };
    }),
  );
  const detail = free.map(({ folder, bytes }) => `${folder} ${Math.floor(bytes / 1e9)} GB`);
  const name = "disk free";
  return free.every(({ bytes }) => bytes >= LOW_DISK)
    ? { name, state: "ok", detail: detail.join(", ") }
    : {
        name,
        state: "warn",
        detail: detail.join(", "),
        remedy: "free some: images and workspaces of a run take several GB",
      };
};

/**
 * @param {import("./find-engine.mjs").Engine} [engine]
 * @returns {Finding}
 */
const arch = (engine) => {
  const host = `${process.platform} ${process.arch}`;
  return engine && engine.arch !== process.arch
    ? {
        name: "architecture",
        state: "warn",
        detail: `${host}, engine ${engine.arch}: sandboxes run the engine's`,
      }
    : { name: "architecture", state: "ok", detail: host };
};

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Finding}
 */
const key = (env) => {
  const data = env.HEADRACE_HOME || join(env.HOME ?? homedir(), ".headrace");
  const file = join(data, "credentials");
  const set = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"].find((name) => env[name]);
  if (set) return { name: "model key", state: "ok", detail: set };
  if (existsSync(file)) return { name: "model key", state: "ok", detail: file };
  return {
    name: "model key",
    state: "warn",
    detail: `neither ANTHROPIC_API_KEY nor ${file}`,
    remedy:
      "export ANTHROPIC_API_KEY=... to run with a model; the demo and --model script:FILE need none",
  };
};
