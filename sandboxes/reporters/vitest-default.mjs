// @ts-check
import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import Reporter from "./vitest.mjs";

/** @typedef {string | [string, object?] | object} Named */
/** @typedef {{ config: { configFile?: string, mode: string, test?: { reporter?: unknown, reporters?: Named | Named[] } } }} Server */
/** @typedef {{ config: { root: string }, reporters: { constructor: Function, onInit?(vitest: unknown): unknown }[], vite?: Server, server?: Server }} Vitest */

const FOLDER = dirname(realpathSync(process.argv[1] ?? ""));

/** @param {string} path */
const load = (path) => import(pathToFileURL(path).href);

/** The classes behind the names of reporters. */
const namedReporters = async () => {
  const index = ["dist/reporters.js", "dist/node.js"].find((path) =>
    existsSync(join(FOLDER, path)),
  );
  return (await load(join(FOLDER, index ?? ""))).ReportersMap;
};

/** @param {string} path @param {string} root */
const ownReporter = async (path, root) => {
  const from = createRequire(join(root, "package.json"));
  return (await load(path.startsWith(".") ? resolve(root, path) : from.resolve(path))).default;
};

/** What the configuration names. Since Vitest 5 the command line overwrites it, and it is read once more. @param {Vitest} vitest */
const configured = async (vitest) => {
  const config = (vitest.vite ?? vitest.server)?.config;
  if (config?.test?.reporter === undefined) return config?.test?.reporters;
  if (config.configFile === undefined) return undefined;
  const { loadConfigFromFile } = await load(
    createRequire(join(FOLDER, "package.json")).resolve("vite"),
  );
  const env = { command: "serve", mode: config.mode };
  return (await loadConfigFromFile(env, config.configFile, vitest.config.root))?.config.test
    ?.reporters;
};

/** Puts reporters of the configuration where the command line has the default one. @param {Vitest} vitest */
const putBack = async (vitest) => {
  const named = await configured(vitest);
  if (named === undefined) return;
  const list = /** @type {Named[]} */ ([named].flat()).map((one) => [one].flat());
  const known = await namedReporters();
  for (const [which, options = {}] of list) {
    if (which === "default") continue;
    const Asked =
      typeof which === "string" && (known[which] ?? (await ownReporter(which, vitest.config.root)));
    const reporter = Asked ? new Asked(options) : which;
    vitest.reporters.push(reporter);
    await reporter.onInit?.(vitest);
  }
  if (!list.some(([which]) => which === "default"))
    vitest.reporters = vitest.reporters.filter((one) => one.constructor !== known.default);
};

// biome-ignore lint/style/noDefaultExport: Vitest takes the default export
export default class extends Reporter {
  /** @param {Vitest} vitest */
  async onInit(vitest) {
    super.onInit();
    try {
      await putBack(vitest);
    } catch (error) {
      console.error("Headrace: reporters of Vitest's configuration are left out:", error);
    }
  }
}
