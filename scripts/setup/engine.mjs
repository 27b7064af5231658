// @ts-check
// Sees to it that a Docker engine answers: finds it, starts it or installs it, as far as it may.

import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { diagnoseEngine, startCommand } from "../../packages/cli/src/machine/engine-remedy.mjs";
import { findEngine } from "../../packages/cli/src/machine/find-engine.mjs";
import { STATE } from "./folders.mjs";
import { offer } from "./installer.mjs";
import { Refusal } from "./refusal.mjs";
import { run } from "./run.mjs";

/** @typedef {import("../../packages/cli/src/machine/find-engine.mjs").Engine} Engine */

const START_MS = 90_000;
/** how long an engine that its package has just installed may take to come up by itself */
const SETTLE_MS = 5000;

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {import("./installer.mjs").Installer} installer
 * @param {(line: string) => void} say
 * @returns {Promise<Engine>}
 */
export const ensureEngine = async (env, installer, say) => {
  const first = await findEngine(env);
  if (first.engine) return first.engine;
  const { trouble, detail, remedy } = diagnoseEngine(first.tried, env);
  if (trouble === "permission" || trouble === "named") throw new Refusal(detail, remedy);
  if (!installer.allowed) throw new Refusal(detail, offer(remedy, env));
  if (trouble === "install") {
    await installer.install(["engine"], detail, say);
    const own = await answering(env, SETTLE_MS);
    if (own) return own;
  }
  return start(env, say);
};

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {(line: string) => void} say
 */
const start = async (env, say) => {
  const [program, ...args] = startCommand(env) ?? [];
  if (!program)
    throw new Refusal("the engine was installed but cannot be found", "start it by hand");
  const log = program === "dockerd" ? startDetached(program, args) : undefined;
  say(`${[program, ...args].join(" ")}${log ? ` (log: ${log})` : ""}`);
  if (!log) await run(program, args, { timeoutMs: START_MS });
  const engine = await answering(env, START_MS);
  if (engine) return engine;
  const end = log ? `; the end of ${log}:\n${readFileSync(log, "utf8").slice(-2000)}` : "";
  throw new Refusal(
    `the engine did not answer within ${START_MS / 1000} s${end}`,
    "start it by hand",
  );
};

/**
 * The engine outlives set-up: its own session, its output in a file.
 * @param {string} program
 * @param {string[]} args
 */
const startDetached = (program, args) => {
  mkdirSync(STATE, { recursive: true });
  const log = join(STATE, "dockerd.log");
  const file = openSync(log, "a");
  const child = spawn(program, args, { detached: true, stdio: ["ignore", file, file] });
  child.on("error", () => {});
  child.unref();
  closeSync(file);
  return log;
};

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {number} timeoutMs
 */
const answering = async (env, timeoutMs) => {
  const end = performance.now() + timeoutMs;
  while (performance.now() < end) {
    const { engine } = await findEngine(env);
    if (engine) return engine;
    await sleep(300);
  }
  return undefined;
};
