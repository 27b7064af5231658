// @ts-check
// Which Node runs Headrace: the caller's when it is new enough, else the one the npm package `node` brings.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { which } from "./which.mjs";

/** The oldest major version whose `node:sqlite` and type stripping Headrace relies on. */
export const NODE_MAJOR = 24;

/** The Node of the npm package, installed or not. */
export const PROJECT_NODE = fileURLToPath(
  new URL("../../../../node_modules/node/bin/node", import.meta.url),
);

/** @param {string} version */
export const isNewEnough = (version) => Number.parseInt(version, 10) >= NODE_MAJOR;

/**
 * The Node the person has. npm puts `node_modules/.bin` first on the PATH of its scripts, so it is looked for past it.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ path: string, version: string } | undefined>}
 */
export const callersNode = async (env) => {
  const bin = join("node_modules", ".bin");
  const path = which("node", env, (folder) => !folder.replace(/\/+$/, "").endsWith(bin));
  if (!path) return undefined;
  if (path === process.execPath) return { path, version: process.versions.node };
  const version = await nodeVersion(path);
  return version === undefined ? undefined : { path, version };
};

/** @returns {Promise<{ path: string, version: string } | undefined>} */
export const projectNode = async () => {
  if (!existsSync(PROJECT_NODE)) return undefined;
  const version = await nodeVersion(PROJECT_NODE);
  return version === undefined ? undefined : { path: PROJECT_NODE, version };
};

/** @param {string} path */
const nodeVersion = async (path) => {
  try {
    const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: 5000 });
    return stdout.trim().replace(/^v/, "");
  } catch {
    return undefined;
  }
};
