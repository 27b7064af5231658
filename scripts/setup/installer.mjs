// @ts-check
// Whether set-up may change the system, and how it then does.

import { installCommands, installRemedy } from "../../packages/cli/src/machine/system-packages.mjs";
import { Refusal } from "./refusal.mjs";
import { run } from "./run.mjs";

/** @typedef {import("../../packages/cli/src/machine/system-packages.mjs").Need} Need */

const INSTALL_MS = 15 * 60_000;

/**
 * HEADRACE_NO_INSTALL=1 always forbids; else root on Linux, `--install` and CI=true allow.
 * @param {{ env: NodeJS.ProcessEnv, argv: readonly string[] }} caller
 */
export const mayInstall = ({ env, argv }) => {
  if (env.HEADRACE_NO_INSTALL === "1") return false;
  const root = process.platform === "linux" && process.getuid?.() === 0;
  return root || argv.includes("--install") || env.CI === "true";
};

/**
 * Adds to a remedy that set-up would do it, where it only lacks the word.
 * @param {string} remedy
 * @param {NodeJS.ProcessEnv} env
 */
export const offer = (remedy, env) =>
  env.HEADRACE_NO_INSTALL === "1"
    ? remedy
    : `${remedy}\nor let set-up do it: npm run setup -- --install`;

/**
 * @param {{ env: NodeJS.ProcessEnv, allowed: boolean }} options
 */
export const createInstaller = ({ env, allowed }) => ({
  allowed,
  /**
   * Installs what is missing, or refuses with the commands that would.
   * @param {readonly Need[]} needs
   * @param {string} missing what was not found, for the refusal
   * @param {(line: string) => void} say
   */
  async install(needs, missing, say) {
    const commands = allowed ? installCommands(needs, env) : undefined;
    if (!commands) throw new Refusal(missing, offer(installRemedy(needs, env), env));
    for (const [program = "", ...args] of commands) {
      say(`${program} ${args.join(" ")}`);
      await run(program, args, {
        timeoutMs: INSTALL_MS,
        env: { ...env, DEBIAN_FRONTEND: "noninteractive" },
      });
    }
  },
});

/** @typedef {ReturnType<typeof createInstaller>} Installer */
