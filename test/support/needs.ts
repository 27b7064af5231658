import { spawnSync } from "node:child_process";
import { lookup } from "node:dns/promises";

/**
 * Whether a test is left out where something it needs, which its title names, is missing. In CI it is not: there it
 * runs and fails, so that nothing is left out unseen.
 */
export const leftOut = (missing: boolean): boolean => missing && process.env.CI !== "true";

/** What npm's public registry is left out without. */
export const NO_NPM = leftOut(
  await lookup("registry.npmjs.org").then(
    () => false,
    () => true,
  ),
);

export const NO_PIP = leftOut(spawnSync("python3", ["-m", "pip", "--version"]).status !== 0);

/** A Python that has pytest, and xdist to run it in several processes. */
export const PYTEST = ["python3", "/usr/bin/python3"].find(
  (python) => spawnSync(python, ["-c", "import pytest, xdist"]).status === 0,
);
export const NO_PYTEST = leftOut(PYTEST === undefined);
