// @ts-check

import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * Full path of a program, or undefined. System folders are searched too: a plain user's PATH often lacks sbin.
 * @param {string} name
 * @param {NodeJS.ProcessEnv} [env]
 * @param {(folder: string) => boolean} [accept] which folders count
 * @returns {string | undefined}
 */
export const which = (name, env = process.env, accept = () => true) => {
  const folders = (env.PATH ?? "").split(delimiter).filter(Boolean);
  for (const folder of [...folders, "/usr/sbin", "/sbin"]) {
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
