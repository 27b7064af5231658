// @ts-check
// Vitest takes a reporter for each --reporter. One on the command line takes the place of those in its configuration,
// which vitest.mjs therefore puts back.

const { join } = require("node:path");

/** Commands that run no test. */
const OTHERS = new Set(["list", "init"]);

module.exports = () => {
  const given = process.argv.slice(2);
  if (OTHERS.has(given.find((arg) => !arg.startsWith("-")) ?? "")) return;
  const asked = given.some((arg) => /^--reporter(?:=|$)/.test(arg));
  // before the rest, which may hold what comes after `--`
  process.argv.splice(
    2,
    0,
    ...(asked ? [] : ["--reporter=default"]),
    `--reporter=${join(__dirname, asked ? "vitest.mjs" : "vitest-default.mjs")}`,
  );
};
