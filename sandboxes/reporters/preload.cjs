// @ts-check
// Loaded by every Node process of a gate, before its program: the main process of a test runner gets a reporter of the
// factory's beside its own. Everything else goes on at once. Plain JavaScript for Node 18 and newer.

const { readFileSync, realpathSync, statSync } = require("node:fs");
const { isAbsolute } = require("node:path");
const { isNested } = require("./report-file.cjs");

/** Programs of runners, by where they lie: never those of their workers. The first group is the package's folder. */
const RUNNERS = /** @type {const} */ ([
  [/^(.*\/node_modules\/vitest)\/vitest\.mjs$/, "./add-to-vitest.cjs"],
  [/^(.*\/node_modules\/(?:jest|jest-cli))\/bin\/jest\.js$/, "./add-to-jest.cjs"],
  [
    /^(.*\/node_modules\/mocha)\/(?:bin\/_?mocha(?:\.js)?|lib\/cli\/cli\.js)$/,
    "./add-to-mocha.cjs",
  ],
]);

/** @param {string} path */
const real = (path) => {
  try {
    return realpathSync(path);
  } catch {
    // in an archive, as Yarn's Plug'n'Play has it
    return path;
  }
};

/** A larger program was not written by hand. */
const MAX_PROGRAM = 1024 * 1024;
/** Options with which what follows is no program that runs. */
const NO_PROGRAM = /^-(?:[cep]|-(?:check|eval|print))/;

/** Whether a repository's own program has tests of node:test in it, as `node test.js` runs them. @param {string} program */
const hasTests = (program) => {
  if (!isAbsolute(program) || program.includes("/node_modules/")) return false;
  if (process.execArgv.some((arg) => NO_PROGRAM.test(arg))) return false;
  const path = require.resolve(program);
  return statSync(path).size <= MAX_PROGRAM && readFileSync(path, "utf8").includes("node:test");
};

const add = () => {
  const program = process.argv[1];
  if (process.execArgv.includes("--test") || (program !== undefined && hasTests(program)))
    return require("./add-to-node-test.cjs")();
  // most processes run no runner: only a likely name is looked at
  if (program === undefined || !/mocha|jest|vitest/.test(program)) return;
  const path = real(program);
  for (const [pattern, adder] of RUNNERS) {
    const folder = pattern.exec(path)?.[1];
    if (folder !== undefined) return require(adder)(folder);
  }
};

try {
  if (!isNested()) add();
} catch {
  // a runner that is made otherwise than those we know runs without: nothing is reported then
}
