// @ts-check
// The base sandbox image: its recipe, the tag that names it, and whether an engine has it.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { callEngine } from "./engine-api.mjs";

const folder = new URL("../../../../sandboxes/", import.meta.url);

/**
 * @typedef {object} Recipe
 * @property {{ image: string, tag: string, digest: string | null }} public
 * @property {{ suite: string, mirror: string }} debootstrap
 * @property {string[]} packages
 * @property {string} node
 * @property {string} npm
 * @property {{ name: string, id: number, home: string }} user
 * @property {string} workspace
 */

export const dockerfile = () => readFileSync(new URL("Dockerfile", folder));

/** @returns {Recipe} */
export const readRecipe = () =>
  JSON.parse(readFileSync(new URL("base-image.json", folder), "utf8"));

/** Python of each Debian release, as its packages have it. @type {Readonly<Record<string, string>>} */
const PYTHON = { bookworm: "3.11.2" };

/** Versions that the base image has. */
export const baseVersions = () => {
  const { node, npm, debootstrap } = readRecipe();
  const python = PYTHON[debootstrap.suite];
  if (python === undefined) throw new Error(`the Python of ${debootstrap.suite} is not known`);
  return { node, npm, python };
};

/** The image `npm run setup` builds; a changed recipe is another image. */
export const baseImageTag = () =>
  `headrace-base:${hash(JSON.stringify(readRecipe()), dockerfile())}`;

/** The debootstrap tree under the base image, which fewer changes of the recipe touch. */
export const rootfsTag = () => {
  const { debootstrap, packages } = readRecipe();
  return `headrace-rootfs:${hash(JSON.stringify([debootstrap, packages]))}`;
};

/** @param {(string | Buffer)[]} parts */
const hash = (...parts) => {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(part).update("\0");
  return sum.digest("hex").slice(0, 12);
};

/**
 * Image id, or undefined where the engine does not have it.
 * @param {import("./find-engine.mjs").Engine} engine
 * @param {string} reference
 * @returns {Promise<string | undefined>}
 */
export const findImage = async (engine, reference) => (await inspectImage(engine, reference))?.Id;

/**
 * Under which names and digests registries have it; undefined where the engine does not have it.
 * @param {import("./find-engine.mjs").Engine} engine
 * @param {string} reference
 * @returns {Promise<string[] | undefined>}
 */
export const imageDigests = async (engine, reference) => {
  const found = await inspectImage(engine, reference);
  return found && (found.RepoDigests ?? []);
};

/**
 * @param {import("./find-engine.mjs").Engine} engine
 * @param {string} reference
 * @returns {Promise<{ Id: string, RepoDigests?: string[] | null } | undefined>}
 */
const inspectImage = async (engine, reference) => {
  const { status, text } = await callEngine(engine.address, {
    path: `/v${engine.apiVersion}/images/${encodeURIComponent(reference)}/json`,
    timeoutMs: 10_000,
  });
  // 400: what it is asked for is no reference
  if (status === 404 || status === 400) return undefined;
  if (status !== 200) throw new Error(`the engine answered ${status} for ${reference}: ${text}`);
  return JSON.parse(text);
};
