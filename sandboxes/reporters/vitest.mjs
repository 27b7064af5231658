// @ts-check
// A reporter of Vitest 1 to 5 that prints nothing.

import { createRequire } from "node:module";

const { openReport } = createRequire(import.meta.url)("./report-file.cjs");

/**
 * Vitest 1 and 2.
 * @typedef {{ type: string, name: string, mode: string, filepath?: string, result?: { state?: string, errors?: unknown[] }, tasks?: Task[] }} Task
 */
/**
 * Vitest 3 and newer.
 * @typedef {{ fullName: string, options: { mode?: string }, result(): { state: string } }} Case
 * @typedef {{ fullName: string, errors(): unknown[] }} Suite
 * @typedef {{ moduleId: string, errors(): unknown[], children: { allTests(): Iterable<Case>, allSuites(): Iterable<Suite> } }} Module
 */

/** @type {Record<string, string>} */
const OUTCOMES = { pass: "passed", passed: "passed", fail: "failed", failed: "failed" };

/** @param {string | undefined} mode @param {string | undefined} state */
const outcomeOf = (mode, state) =>
  mode === "todo" ? "todo" : (OUTCOMES[state ?? ""] ?? "skipped");

// biome-ignore lint/style/noDefaultExport: Vitest takes the default export
export default class {
  /** @type {ReturnType<typeof openReport>} */
  #report;

  onInit() {
    this.#report = openReport("vitest");
  }

  /** @param {readonly Module[]} modules */
  onTestRunEnd(modules) {
    for (const module of modules) {
      const { moduleId, children } = module;
      if (module.errors().length > 0) this.#report?.add([moduleId], "failed");
      for (const suite of children.allSuites())
        if (suite.errors().length > 0) this.#report?.add([moduleId, suite.fullName], "failed");
      for (const test of children.allTests()) {
        const outcome = outcomeOf(test.options.mode, test.result().state);
        this.#report?.add([moduleId, test.fullName], outcome);
      }
    }
    this.#end();
  }

  /** @param {readonly Task[]} files */
  onFinished(files = []) {
    for (const file of files) this.#tell(file, [file.filepath ?? file.name]);
    this.#end();
  }

  /** @param {Task} task @param {string[]} path */
  #tell({ type, mode, result, tasks }, path) {
    if (tasks === undefined && type !== "suite")
      this.#report?.add(path, outcomeOf(mode, result?.state));
    else if (result?.errors?.length) this.#report?.add(path, "failed");
    for (const task of tasks ?? []) this.#tell(task, [...path, task.name]);
  }

  #end() {
    this.#report?.end();
    this.#report = undefined;
  }
}
