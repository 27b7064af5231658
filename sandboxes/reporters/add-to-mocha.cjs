// @ts-check
// Mocha has one reporter: the one that was asked for gets a listener beside it.

const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { openReport } = require("./report-file.cjs");

/** @typedef {{ title: string, file?: string, root?: boolean, parent?: Runnable, titlePath?(): string[] }} Runnable */

/** @param {Runnable | undefined} test @returns {string | undefined} */
const fileOf = (test) => test && (test.file ?? fileOf(test.parent));

/** @param {Runnable} test */
const pathOf = (test) => [fileOf(test), ...(test.titlePath?.() ?? [test.title])];

/** @param {import("node:events").EventEmitter} runner */
const listen = (runner) => {
  const report = openReport("mocha");
  if (!report) return;
  /** the last word counts: a test that is done twice passes first and fails then @type {Map<object, string>} */
  const outcomes = new Map();
  for (const [event, outcome] of [
    ["pass", "passed"],
    ["fail", "failed"],
    ["pending", "skipped"],
  ])
    runner.on(event, (/** @type {object} */ test) => outcomes.set(test, outcome));
  runner.once("end", () => {
    for (const [test, outcome] of outcomes)
      report.add(pathOf(/** @type {Runnable} */ (test)), outcome);
    report.end();
  });
};

/** @param {string} folder of the package */
module.exports = (folder) => {
  const paths = ["lib/mocha.js", "lib/mocha.cjs"].map((path) => join(folder, path));
  const { prototype } = require(paths.find((path) => existsSync(path)) ?? "");
  const { run } = prototype;
  prototype.run = function (/** @type {unknown[]} */ ...args) {
    const Asked = this._reporter;
    this._reporter = class extends Asked {
      /** @param {import("node:events").EventEmitter} runner @param {unknown} options */
      constructor(runner, options) {
        super(runner, options);
        listen(runner);
      }
    };
    return run.apply(this, args);
  };
};
