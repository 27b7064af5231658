// @ts-check
// Makes a bare machine ready: Node, an engine, Redis, npm packages, the base sandbox image. Plain JavaScript for any
// Node >= 20, because it runs before anything is installed. What is there already costs nothing, so it runs often.

import { callersNode, isNewEnough, NODE_MAJOR } from "../packages/cli/src/machine/find-node.mjs";
import { which } from "../packages/cli/src/machine/which.mjs";
import { ensureBaseImage } from "./setup/base-image.mjs";
import { ensureEngine } from "./setup/engine.mjs";
import { createInstaller, mayInstall } from "./setup/installer.mjs";
import { ensurePackages } from "./setup/npm-packages.mjs";
import { ensureRedis } from "./setup/redis.mjs";
import { Refusal, refuseTogether } from "./setup/refusal.mjs";
import { CommandError } from "./setup/run.mjs";
import { indent, step } from "./setup/steps.mjs";

const OLDEST_NODE = 20;

const main = async () => {
  const { env } = process;
  const installer = createInstaller({ env, allowed: mayInstall({ env, argv: process.argv }) });
  console.log("headrace setup");
  let needsNode = true;
  await step("node", async () => {
    refuseWhereUnsupported();
    const own = await callersNode(env);
    needsNode = !own || !isNewEnough(own.version);
    if (!needsNode) return `${own?.version}, yours (${own?.path})`;
    return `yours is ${own?.version ?? "not found"}, older than ${NODE_MAJOR}: the npm package node runs Headrace`;
  });
  const engine = await ensureSystem(env, installer);
  await step("packages", (say) => ensurePackages({ needsNode, say }));
  await step("base image", (say) => ensureBaseImage(engine, installer, say));
};

/**
 * What only the system can give. All of it is looked at before anything long begins, so that a person who must
 * install it by hand is told once.
 * @param {NodeJS.ProcessEnv} env
 * @param {import("./setup/installer.mjs").Installer} installer
 */
const ensureSystem = async (env, installer) => {
  /** @type {import("../packages/cli/src/machine/find-engine.mjs").Engine | undefined} */
  let engine;
  /** @type {Refusal[]} */
  const refusals = [];
  /** @type {(name: string, work: Parameters<typeof step>[1]) => Promise<void>} */
  const attempt = async (name, work) => {
    try {
      await step(name, work);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refusals.push(error);
    }
  };
  await attempt("tools", (say) => ensureTools(env, installer, say));
  await attempt("engine", async (say) => {
    engine = await ensureEngine(env, installer, say);
    return `${engine.version} at ${engine.url} (${engine.source})`;
  });
  await attempt("redis", (say) => ensureRedis(env, engine, installer, say));
  refuseTogether(refusals);
  if (!engine) throw new Error("no engine and no reason");
  return engine;
};

const refuseWhereUnsupported = () => {
  if (process.platform === "win32")
    throw new Refusal("Headrace does not run on Windows itself", "use WSL 2 with Docker Desktop");
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE)
    throw new Refusal(
      `set-up needs Node ${OLDEST_NODE} or newer, this is ${process.versions.node}`,
      "install a newer Node: https://nodejs.org",
    );
};

/** What the whole of a test run needs besides, in CI. */
const CI_TOOLS = /** @type {const} */ ({
  strace: "strace",
  compose: "docker-compose",
  tmux: "tmux",
  bubblewrap: "bwrap",
  gvisor: "runsc",
  ip: "ip",
  pip: "pip3",
  pytest: "pytest-3",
});

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {import("./setup/installer.mjs").Installer} installer
 * @param {(line: string) => void} say
 */
const ensureTools = async (env, installer, say) => {
  const wanted = {
    git: "git",
    ...(env.CI === "true" && process.platform === "linux" ? CI_TOOLS : {}),
  };
  const missing = Object.entries(wanted).filter(([, program]) => !which(program, env));
  const names = Object.values(wanted).join(", ");
  if (missing.length === 0) return names;
  const needs = /** @type {import("./setup/installer.mjs").Need[]} */ (
    missing.map(([need]) => need)
  );
  await installer.install(
    needs,
    `missing: ${missing.map(([, program]) => program).join(", ")}`,
    say,
  );
  return `${names} installed`;
};

try {
  await main();
} catch (error) {
  process.exitCode = 1;
  if (error instanceof Refusal)
    console.error(`\nset-up stopped: ${error.message}\n  what to do:\n${indent(error.remedy)}`);
  else if (error instanceof CommandError) console.error(`\nset-up stopped: ${error.message}`);
  else console.error("\nset-up failed, which is a defect of set-up itself:", error);
}
