// @ts-check
// The engine's long calls, which answer a stream of progress records: pull, import, build.

import { callEngine } from "../../packages/cli/src/machine/engine-api.mjs";

/** @typedef {import("../../packages/cli/src/machine/find-engine.mjs").Engine} Engine */

const CALL_MS = 15 * 60_000;
/** longest silence of a pull: an engine that cannot reach its registry says so late or never */
const PULL_QUIET_MS = 20_000;

/**
 * Throws what the engine calls an error, with the end of what a build printed.
 * @param {Engine} engine
 * @param {string} path
 * @param {{ body?: import("node:stream").Readable, quietMs?: number }} [options]
 */
export const follow = async (engine, path, { body, quietMs } = {}) => {
  let log = "";
  /** @type {string | undefined} */
  let failure;
  const { status, text } = await callEngine(engine.address, {
    method: "POST",
    path: `/v${engine.apiVersion}${path}`,
    timeoutMs: CALL_MS,
    ...(quietMs === undefined ? {} : { quietMs }),
    ...(body ? { body } : {}),
    onLine: (line) => {
      const record = JSON.parse(line);
      if (record.error) failure = record.error;
      if (record.stream) log = (log + record.stream).slice(-4000);
    },
  });
  if (status !== 200) throw new Error(messageOf(text) ?? `the engine answered ${status}: ${text}`);
  if (failure) throw new Error(log ? `${failure}\n${log}` : failure);
};

/**
 * @param {string} text
 * @returns {string | undefined}
 */
const messageOf = (text) => {
  try {
    return JSON.parse(text).message;
  } catch {
    return undefined;
  }
};

/**
 * Undefined when the image is there; else why it could not be had, in one line.
 * @param {Engine} engine
 * @param {string} image name and tag
 * @param {string} [digest] pulls exactly this one instead
 * @returns {Promise<string | undefined>}
 */
export const pullImage = async (engine, image, digest) => {
  const [name = "", tag = ""] = image.split(":");
  const query = new URLSearchParams({ fromImage: name, tag: digest ?? tag });
  try {
    await follow(engine, `/images/create?${query}`, { quietMs: PULL_QUIET_MS });
    return undefined;
  } catch (error) {
    return /** @type {Error} */ (error).message.split("\n")[0] ?? "no reason given";
  }
};
