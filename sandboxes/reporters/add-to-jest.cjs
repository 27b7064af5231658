// @ts-check
// A reporter on Jest's command line would take the place of those its configuration names: ours is put beside them in
// the configuration that Jest has read.

const Module = require("node:module");
const { join } = require("node:path");

const OURS = join(__dirname, "jest.cjs");

/** @typedef {{ globalConfig: { reporters?: unknown[] } }} Configs */
/** @typedef {{ readConfigs(...args: unknown[]): Promise<Configs> }} JestConfig */

/** @param {JestConfig} jestConfig */
const wrap = (jestConfig) => {
  const { readConfigs } = jestConfig;
  jestConfig.readConfigs = async (...args) => {
    const configs = await readConfigs(...args);
    const own = configs.globalConfig.reporters ?? [["default", {}]];
    const reporters = [...own, [OURS, {}]];
    return { ...configs, globalConfig: Object.freeze({ ...configs.globalConfig, reporters }) };
  };
};

module.exports = () => {
  const loader = /** @type {{ _load(request: string, ...more: unknown[]): unknown }} */ (
    /** @type {unknown} */ (Module)
  );
  const { _load } = loader;
  const wrapped = new Set();
  loader._load = function (request, ...more) {
    const loaded = _load.call(this, request, ...more);
    if (request === "jest-config" && !wrapped.has(loaded)) {
      wrapped.add(loaded);
      wrap(/** @type {JestConfig} */ (loaded));
    }
    return loaded;
  };
};
