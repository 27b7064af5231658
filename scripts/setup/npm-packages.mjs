// @ts-check
// npm packages, installed when a manifest or the lockfile is not what it was at the last set-up.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_NODE } from "../../packages/cli/src/machine/find-node.mjs";
import { ROOT } from "./folders.mjs";
import { run } from "./run.mjs";

const STAMP = join(ROOT, "node_modules/.headrace-setup.json");
const INSTALL_MS = 15 * 60_000;

/**
 * `npm install`, not `npm ci`: the lockfile may lack other platforms' binaries, and npm then adds this one's. Packages'
 * own install scripts are not run, except that of `node`, and only where the caller's Node is too old.
 * @param {{ needsNode: boolean, say: (line: string) => void }} options
 */
export const ensurePackages = async ({ needsNode, say }) => {
  const complete = () => readStamp() === inputs() && (!needsNode || existsSync(PROJECT_NODE));
  if (complete()) return "npm packages are as locked";
  say("npm install");
  const options = { timeoutMs: INSTALL_MS, cwd: ROOT };
  await run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], options);
  if (needsNode && !existsSync(PROJECT_NODE)) {
    say("npm rebuild node, which fetches its binary");
    await run("npm", ["rebuild", "node"], options);
  }
  writeFileSync(STAMP, `${JSON.stringify({ inputs: inputs() })}\n`);
  return "npm packages installed";
};

const readStamp = () => {
  try {
    return JSON.parse(readFileSync(STAMP, "utf8")).inputs;
  } catch {
    return undefined;
  }
};

/** Hash of everything that decides what node_modules holds. */
const inputs = () => {
  const sum = createHash("sha256").update(`${process.platform} ${process.arch}`);
  for (const path of ["package-lock.json", "package.json", ...workspaceManifests()])
    sum.update(path).update(readFileSync(join(ROOT, path)));
  return sum.digest("hex");
};

const workspaceManifests = () => {
  /** @type {string[]} */
  const patterns = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).workspaces;
  return patterns
    .flatMap((pattern) => (pattern.endsWith("/*") ? subfolders(pattern.slice(0, -2)) : [pattern]))
    .map((folder) => `${folder}/package.json`)
    .filter((path) => existsSync(join(ROOT, path)));
};

/** @param {string} folder */
const subfolders = (folder) =>
  readdirSync(join(ROOT, folder))
    .sort()
    .map((name) => `${folder}/${name}`);
