// @ts-check
// node:test takes reporters as options alone, each with a destination, and this process has read its own already: so it
// is run again with ours beside those it was given, or beside the one it would have chosen.

const { spawnSync } = require("node:child_process");
const { join } = require("node:path");

const OURS = join(__dirname, "node-test.mjs");
const MAJOR = Number.parseInt(process.versions.node, 10);
/** What another process could not stand in for: a parent's channel, a debugger, one that never ends. */
const ALONE = /^--(?:watch|inspect)/;

/** Values of an option, from the command line and from the environment alike. @param {string} name */
const count = (name) =>
  [...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(/\s+/)].filter(
    (arg) => arg === name || arg.startsWith(`${name}=`),
  ).length;

const reportersToAdd = () => {
  const added = [`--test-reporter=${OURS}`, "--test-reporter-destination=stdout"];
  const [reporters, destinations] = [
    count("--test-reporter"),
    count("--test-reporter-destination"),
  ];
  if (reporters === 0 && destinations === 0) {
    const usual = MAJOR >= 23 || process.stdout.isTTY ? "spec" : "tap";
    return [`--test-reporter=${usual}`, "--test-reporter-destination=stdout", ...added];
  }
  // a single reporter needs no destination, until there are two
  if (reporters === 1 && destinations === 0)
    return ["--test-reporter-destination=stdout", ...added];
  return added;
};

const runAgain = () => {
  const { status, signal, error } = spawnSync(
    process.execPath,
    [...process.execArgv, ...reportersToAdd(), ...process.argv.slice(1)],
    { stdio: "inherit" },
  );
  if (error) return;
  if (signal) process.kill(process.pid, signal);
  process.exit(status ?? 1);
};

/** Nothing else stands between this process and its tests yet. */
module.exports = () => {
  if (MAJOR < 20 || process.env.NODE_TEST_CONTEXT !== undefined || process.channel) return;
  if (process.execArgv.some((arg) => arg.includes(OURS) || ALONE.test(arg))) return;
  runAgain();
};
