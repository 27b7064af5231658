#!/usr/bin/env node
// @ts-check
// The launcher, for any Node >= 20: answers help and version itself, and starts the command on a Node that runs it.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { overviewHelp, verbHelp, verbNamed } from "./help.mjs";

const MAIN = new URL("../src/main.ts", import.meta.url);
const NODE_MAJOR = 24;
const FORWARDED = /** @type {const} */ (["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"]);

/** @param {string[]} args */
const answer = (args) => {
  const operands = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length);
  const [first = ""] = operands;
  if (first === "--version" || first === "-V") return `${version()}\n`;
  const asksHelp = first === "help" || operands.includes("--help") || operands.includes("-h");
  if (args.length > 0 && !asksHelp) return undefined;
  const name = (first === "help" ? operands[1] : first) ?? "";
  const verb = verbNamed(name);
  // a name that is none is told by the command line, as without asking for help
  if (!verb && name !== "" && !name.startsWith("-")) return undefined;
  return verb ? verbHelp(verb) : overviewHelp();
};

const version = () =>
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version;

/**
 * A terminal's Ctrl-C reaches the child by itself; passing it on as well would count as a second one.
 * @param {string} node
 * @param {string[]} args
 */
const startOn = (node, args) => {
  const child = spawn(node, [...process.execArgv, fileURLToPath(MAIN), ...args], {
    stdio: "inherit",
  });
  const byTerminal = process.stdin.isTTY ? ["SIGINT", "SIGQUIT"] : [];
  for (const signal of FORWARDED)
    process.on(signal, () => {
      if (!byTerminal.includes(signal)) child.kill(signal);
    });
  child.on("error", (error) => fail(`cannot start ${node}: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (!signal) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    process.exitCode = 128 + constants.signals[signal];
  });
};

/** @param {string} problem */
const fail = (problem) => {
  console.error(
    `headrace: ${problem}\n  run: npm run setup   (in ${fileURLToPath(new URL("../../../", import.meta.url))})`,
  );
  process.exitCode = 1;
};

const launch = async () => {
  const args = process.argv.slice(2);
  const text = answer(args);
  if (text !== undefined) return void process.stdout.write(text);
  const capable =
    Number.parseInt(process.versions.node, 10) >= NODE_MAJOR && process.features.typescript;
  if (capable) return void (await import(MAIN.href));
  const { PROJECT_NODE, callersNode, isNewEnough, projectNode } = await import(
    "../src/machine/find-node.mjs"
  );
  if (await projectNode()) return startOn(PROJECT_NODE, args);
  const own = await callersNode(process.env);
  if (own && isNewEnough(own.version)) return startOn(own.path, args);
  fail(`it needs Node ${NODE_MAJOR} or newer, this is ${process.versions.node}`);
};

await launch();
