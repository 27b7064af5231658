// @ts-check
// No engine answers: why, and what the person does about it, from what was tried.

import { existsSync } from "node:fs";
import { DOCKER_GROUP, installRemedy } from "./system-packages.mjs";
import { which } from "./which.mjs";

/**
 * `install`: there is none · `start`: installed, not running · `permission` · `named`: the one the user named fails
 * @typedef {"install" | "start" | "permission" | "named"} EngineTrouble
 */

/**
 * @param {readonly import("./find-engine.mjs").EngineMiss[]} tried
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ trouble: EngineTrouble, detail: string, remedy: string }}
 */
export const diagnoseEngine = (tried, env) => {
  const denied = tried.find(({ problem }) => problem === "denied");
  const seen = tried.filter(({ problem }) => problem !== "absent");
  const detail =
    (seen.length > 0 ? seen : tried.slice(0, 1))
      .map((miss) => `${miss.url} (${miss.source}): ${miss.detail}`)
      .join("; ") || "no engine found";
  if (denied)
    return {
      trouble: "permission",
      detail: `an engine is there, but this user may not use it: ${denied.url}`,
      remedy: DOCKER_GROUP,
    };
  const named = env.DOCKER_HOST ? "DOCKER_HOST" : env.DOCKER_CONTEXT ? "DOCKER_CONTEXT" : undefined;
  if (named)
    return {
      trouble: "named",
      detail: `${named} names an engine that does not answer: ${detail}`,
      remedy: `start that engine, correct ${named}, or unset it to have the usual sockets tried`,
    };
  const start = startCommand(env);
  return start
    ? {
        trouble: "start",
        detail: `the engine is installed but does not run: ${detail}`,
        remedy: start.join(" "),
      }
    : {
        trouble: "install",
        detail: "no Docker engine found",
        remedy: installRemedy(["engine"], env),
      };
};

/**
 * What starts the engine installed here, or undefined where there is none.
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[] | undefined}
 */
export const startCommand = (env) => {
  const sudo = process.getuid?.() === 0 ? [] : ["sudo"];
  if (process.platform === "darwin") {
    if (existsSync("/Applications/Docker.app")) return ["open", "-a", "Docker"];
    if (existsSync("/Applications/OrbStack.app")) return ["open", "-a", "OrbStack"];
    return which("colima", env) ? ["colima", "start"] : undefined;
  }
  if (!which("dockerd", env)) return undefined;
  return existsSync("/run/systemd/system")
    ? [...sudo, "systemctl", "start", "docker"]
    : [...sudo, "dockerd"];
};
