// @ts-check
// A reporter of node:test that prints nothing: it stands beside the one that people see.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const { openReport } = createRequire(import.meta.url)("./report-file.cjs");

/** Begun before any test can end this process. */
const report = openReport("node:test");

/** @typedef {{ name: string, nesting: number, file?: string, skip?: unknown, todo?: unknown, details?: { type?: string, error?: { failureType?: string } } }} Told */

/** @param {string} type @param {Told} told */
const outcomeOf = (type, { skip, todo }) => {
  if (todo !== undefined && todo !== false) return "todo";
  if (skip !== undefined && skip !== false) return "skipped";
  return type === "test:pass" ? "passed" : "failed";
};

/** A suite is no test; one that failed by itself, as by a hook, is told. @param {string} type @param {Told} told */
const counts = (type, { details }) =>
  details?.type !== "suite" ||
  (type === "test:fail" && details.error?.failureType !== "subtestsFailed");

/** A program of assertions is a test by itself. One that has tests told them, or was ended before. @param {string} file */
const hasTests = (file) => {
  try {
    return readFileSync(file, "utf8").includes("node:test");
  } catch {
    return false;
  }
};

/** @param {AsyncIterable<{ type: string, data: Told }>} source */
// biome-ignore lint/style/noDefaultExport: node:test takes the default export
export default async function* tellOf(source) {
  /** names of the tests that are under way, by how deep they lie @type {string[]} */
  const above = [];
  for await (const { type, data } of source) {
    if (type === "test:start") above.splice(data.nesting, above.length, data.name);
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (!counts(type, data)) continue;
    const { file = "", name, nesting } = data;
    // a file that told no test is told as one, named as it was asked for
    const isFile = nesting === 0 && resolve(name) === file;
    if (isFile && type === "test:pass" && hasTests(file)) continue;
    report?.add(isFile ? [file] : [file, ...above.slice(0, nesting), name], outcomeOf(type, data));
  }
  report?.end();
  yield "";
}
