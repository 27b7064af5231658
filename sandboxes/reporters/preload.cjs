// @ts-check
// Loaded by every Node process of a gate, before its program: a test runner gets a reporter of the factory's beside
// its own. Everything else goes on at once. Plain JavaScript for Node 18 and newer.

const { isNested } = require("./report-file.cjs");

if (!isNested()) {
  if (process.execArgv.includes("--test")) require("./add-to-node-test.cjs");
}
