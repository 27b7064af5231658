// @ts-check
// A reporter of Jest that prints nothing.

const { openReport } = require("./report-file.cjs");

/** @typedef {{ ancestorTitles: string[], title: string, status: string }} Test */
/** @typedef {{ testFilePath: string, testExecError?: unknown, testResults: Test[] }} File */

/** @type {Record<string, string>} */
const OUTCOMES = { passed: "passed", failed: "failed", todo: "todo" };

module.exports = class {
  /** @type {ReturnType<typeof openReport>} */
  #report;

  onRunStart() {
    this.#report = openReport("jest");
  }

  /** @param {unknown} _contexts @param {{ testResults: File[] }} results */
  onRunComplete(_contexts, { testResults: files }) {
    for (const { testFilePath, testExecError, testResults: tests } of files) {
      if (testExecError) this.#report?.add([testFilePath], "failed");
      for (const { ancestorTitles, title, status } of tests)
        this.#report?.add([testFilePath, ...ancestorTitles, title], OUTCOMES[status] ?? "skipped");
    }
    this.#report?.end();
    this.#report = undefined;
  }
};
