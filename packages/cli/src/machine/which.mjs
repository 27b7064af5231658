// @ts-check

import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Where programs lie that a plain user's or a background process's PATH may leave out. */
const USUAL_FOLDERS = ["/usr/local/bin", "/opt/homebrew/bin", "/usr/sbin", "/sbin"];

/**
 * Full path of a program, or undefined.
 * @param {string} name
 * @param {NodeJS.ProcessEnv} [env]
 * @param {(folder: string) => boolean} [accept] which folders count
 * @returns {string | undefined}
 */
export const which = (name, env = process.env, accept = () => true) => {
  const folders = (env.PATH ?? "").split(delimiter).filter(Boolean);
  for (const folder of [...folders, ...USUAL_FOLDERS]) {
    const path = join(folder, name);
    if (accept(folder) && isProgram(path)) return path;
  }
  return undefined;
};

/** @param {string} path */
const isProgram = (path) => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};
