// @ts-check
// Starts one program with a bound on its time, and keeps the end of what it printed for the error.

import { spawn } from "node:child_process";

const TAIL = 4000;

export class CommandError extends Error {}

/**
 * @typedef {object} RunOptions
 * @property {number} timeoutMs
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {boolean} [show] print its output as it comes
 */

/**
 * Resolves to stdout; a failure throws with the last lines of both streams.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} options
 * @returns {Promise<string>}
 */
export const run = (command, args, { timeoutMs, cwd, env, show = false }) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let tail = "";
    const keep = (/** @type {string} */ text) => {
      tail = (tail + text).slice(-TAIL);
      if (show) process.stdout.write(text.replace(/^(?=.)/gm, "    "));
    };
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      keep(text);
    });
    child.stderr.setEncoding("utf8").on("data", keep);
    const line = [command, ...args].join(" ");
    child.on("error", (cause) =>
      reject(new CommandError(`could not start: ${line} (${cause.message})`, { cause })),
    );
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(stdout);
      const how = signal ? `ended by ${signal} (bound: ${timeoutMs / 1000} s)` : `exit ${code}`;
      reject(new CommandError(`${line}: ${how}\n${tail.trim()}`));
    });
  });
