// @ts-check
// Every check and every test, one after the other on few cores; the last line is `N passed, N failed`.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { inspect } from "../packages/cli/src/machine/findings.mjs";
import { which } from "../packages/cli/src/machine/which.mjs";
import { ROOT } from "./setup/folders.mjs";

const BOUND_MS = 45 * 60_000;
const CI = process.env.CI === "true";

/** What tests skip without, or cannot do without: in CI each must be there, so that nothing is skipped unseen. */
const CI_PROGRAMS =
  process.platform === "linux"
    ? [
        "git",
        "strace",
        "docker-compose",
        "tmux",
        "bwrap",
        "dockerd",
        "runsc",
        "ip",
        "openssl",
        "pip3",
        "pytest-3",
      ]
    : ["git"];
const CI_FINDINGS = ["engine", "redis", "base image"];
const LINUX_ROOT = process.platform === "linux" && process.getuid?.() === 0;

const tally = { passed: 0, failed: 0 };
/** @type {string[]} titles, which name what the test lacks */
const skipped = [];
/** @type {string[]} told again at the end: who sees only the end of a long log must see why it is red */
const failed = [];

/** Characters of a failed test's message that are repeated at the end. */
const REPEATED = 1500;

/**
 * Runs a program of node_modules/.bin (npm put it on the PATH) with its output shown.
 * @param {string} program
 * @param {string[]} args
 * @returns {Promise<number>} exit code; 1 where a signal or the bound ended it
 */
const show = (program, args) =>
  new Promise((resolve) => {
    console.log(`\n$ ${[program, ...args].join(" ")}`);
    const path = which(program) ?? join(ROOT, "node_modules/.bin", program);
    const child = spawn(path, args, {
      cwd: ROOT,
      stdio: "inherit",
      timeout: BOUND_MS,
      killSignal: "SIGKILL",
    });
    child.on("error", (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.on("exit", (code) => resolve(code ?? 1));
  });

/**
 * @param {string} what
 * @param {boolean} passed
 */
const count = (what, passed) => {
  tally[passed ? "passed" : "failed"] += 1;
  if (passed) return;
  console.error(`failed: ${what}`);
  failed.push(what);
};

const checkMachine = async () => {
  const findings = await inspect({ env: process.env });
  const programs = CI_PROGRAMS.filter((program) => !which(program));
  // other users and engines are made with it
  if (process.platform === "linux" && !LINUX_ROOT) programs.push("root");
  const missing = findings.filter(
    ({ name, state }) => CI_FINDINGS.includes(name) && state === "missing",
  );
  count(
    `CI lacks: ${[...programs, ...missing.map(({ name, detail }) => `${name} (${detail})`)].join(", ")}`,
    programs.length + missing.length === 0,
  );
};

/**
 * Suites of minutes, with their workers: left out by default, run one after the other with `--long`, as CI does.
 * @type {[project: string, workers: number][]}
 */
const LONG = [
  ["cheats", 1],
  ["long", 2],
  ["alone", 1],
  ["hostile", 1],
];

/** @param {string[]} projects @param {number} workers @param {string[]} more */
const runTests = async (projects, workers, more = []) => {
  const folder = mkdtempSync(join(tmpdir(), "headrace-test-"));
  try {
    const file = join(folder, "results.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const chosen = projects.map((project) => `--project=${project}`);
    const args = ["run", `--maxWorkers=${workers}`, ...chosen, ...reporters, ...more];
    const code = await show("vitest", args);
    const results = read(file);
    tally.passed += results?.numPassedTests ?? 0;
    tally.failed += results?.numFailedTests ?? 0;
    skipped.push(...skippedIn(results));
    failed.push(...failedIn(results));
    if (code !== 0 && !results?.numFailedTests) count(`vitest ended with exit code ${code}`, false);
    if (code === 0 && !results?.numPassedTests) count("vitest ran no test", false);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/**
 * @typedef {{ status: string, fullName: string, failureMessages?: string[] }} Assertion
 * @typedef {{ testResults: { name: string, status: string, message?: string, assertionResults: Assertion[] }[] }} Results
 */

/** @param {Results | undefined} results @returns {string[]} */
const skippedIn = (results) =>
  (results?.testResults ?? [])
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => !["passed", "failed"].includes(status))
    .map(({ fullName }) => fullName);

/** Failed tests, and files that failed outside of a test. @param {Results | undefined} results @returns {string[]} */
const failedIn = (results) =>
  (results?.testResults ?? []).flatMap(({ name, status, message, assertionResults }) => {
    const red = assertionResults.filter((one) => one.status === "failed");
    const told = red.map(
      ({ fullName, failureMessages = [] }) =>
        `${fullName} (${relative(ROOT, name)})\n${failureMessages.join("\n").slice(0, REPEATED)}`,
    );
    if (status !== "failed" || red.length > 0) return told;
    return [`${relative(ROOT, name)}\n${(message ?? "").slice(0, REPEATED)}`];
  });

/** @param {string} file */
const read = (file) => {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
};

if (CI) await checkMachine();
count("check:format", (await show("biome", ["check", "."])) === 0);
count("check:types", (await show("tsc", ["--noEmit"])) === 0);
count("check:unused", (await show("knip", [])) === 0);
const asked = process.argv.slice(2).filter((arg) => arg !== "--long");
// most tests wait for containers and servers; by default two cores would run one file at a time
await runTests(
  [...LONG.map(([project]) => project), "beside"].map((project) => `!${project}`),
  2,
  asked,
);
if (process.argv.includes("--long")) {
  for (const [project, workers] of LONG) await runTests([project], workers);
  if (LINUX_ROOT) {
    const demo = ["scripts/test-hidden-engine.ts", "demo"];
    count("the demo on a hidden engine", (await show("node", demo)) === 0);
  }
}

// whoever asked for some tests knows that the others are left out
if (skipped.length > 0 && asked.length === 0) {
  console.log(`\n${skipped.length} skipped:`);
  for (const title of skipped) console.log(`  ${title}`);
}
if (failed.length > 0) {
  console.log(`\n${failed.length} failed:`);
  for (const one of failed) console.log(`  ${one.trimEnd().replaceAll("\n", "\n    ")}`);
}
console.log(`\n${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 ? 0 : 1;
