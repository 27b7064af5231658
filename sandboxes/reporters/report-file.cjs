// @ts-check
// What every reporter of a Node runner writes: one file a process, whose first line says who begins and whose last
// line says that it ended, both with the nonce that is this folder's name. In between, one line a test.

const { appendFileSync, writeFileSync } = require("node:fs");
const { basename, join } = require("node:path");
const { isMainThread } = require("node:worker_threads");

const NONCE = basename(__dirname);
const OUT = join(__dirname, "out");
/** Set while a runner reports, for all that it starts: what tests start are no tests of the gate. */
const REPORTING = "HEADRACE_REPORTING";

/** Whether a runner that started this process reports already. */
const isNested = () => process.env[REPORTING] !== undefined || !isMainThread;

let files = 0;

/**
 * Begins a report; undefined inside another one. A report that cannot be written ends nothing: without its last line
 * it is no report, which the factory sees.
 * @param {string} runner
 */
const openReport = (runner) => {
  if (isNested()) return undefined;
  process.env[REPORTING] = runner;
  files += 1;
  const path = join(OUT, `${runner}-${process.pid}-${files}-${Date.now()}.report`);
  attempt(() => writeFileSync(path, line({ begin: NONCE, runner }), { flag: "wx" }));
  /** @type {string[]} */
  const lines = [];
  return {
    /** @param {readonly (string | undefined)[]} path file, suites, test @param {string} outcome */
    add(path, outcome) {
      lines.push(line({ test: path.filter((part) => part).join(" > "), outcome }));
    },
    end() {
      delete process.env[REPORTING];
      attempt(() => {
        lines.push(line({ end: NONCE, count: lines.length }));
        appendFileSync(path, lines.join(""));
      });
      lines.length = 0;
    },
  };
};

/** @param {object} record */
const line = (record) => `${JSON.stringify(record)}\n`;

/** @param {() => void} write */
const attempt = (write) => {
  try {
    write();
  } catch {
    // said by what is missing
  }
};

module.exports = { isNested, openReport };
