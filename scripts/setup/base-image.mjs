// @ts-check
// Builds the base sandbox image: a Debian pulled by digest or made by debootstrap, then sandboxes/Dockerfile on top.

import { spawn } from "node:child_process";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  baseImageTag,
  dockerfile,
  findImage,
  readRecipe,
  rootfsTag,
} from "../../packages/cli/src/machine/base-image.mjs";
import { follow, pullImage } from "./engine-progress.mjs";
import { ensureRootfs } from "./rootfs.mjs";
import { run } from "./run.mjs";

/** @typedef {import("../../packages/cli/src/machine/find-engine.mjs").Engine} Engine */
/** @typedef {(line: string) => void} Say */

/**
 * Returns a line that says what the engine now has.
 * @param {Engine} engine
 * @param {import("./installer.mjs").Installer} installer
 * @param {Say} say
 */
export const ensureBaseImage = async (engine, installer, say) => {
  const tag = baseImageTag();
  if (await findImage(engine, tag)) return `${tag} is there`;
  const base = (await pullDebian(engine, say)) ?? (await importDebian(engine, installer, say));
  const context = await mkdtemp(join(tmpdir(), "headrace-base-"));
  try {
    say(`node and npm for ${engine.arch} from the npm registry`);
    await fillContext(context, engine.arch);
    say(`building ${tag} on ${base}`);
    await build(engine, context, base, tag);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
  return `${tag} built on ${base}`;
};

/**
 * The pinned public image's reference, or undefined where no registry answers in time.
 * @param {Engine} engine
 * @param {Say} say
 */
const pullDebian = async (engine, say) => {
  const { image, tag, digest } = readRecipe().public;
  if (!digest) return void say(`${image}:${tag} is not pulled: base-image.json pins no digest`);
  const reference = `${image}@${digest}`;
  if (await findImage(engine, reference)) return reference;
  say(`pulling ${image}:${tag} by its pinned digest`);
  const failure = await pullImage(engine, `${image}:${tag}`, digest);
  if (!failure) return reference;
  return void say(`no registry answers (${failure}); making Debian with debootstrap`);
};

/**
 * @param {Engine} engine
 * @param {import("./installer.mjs").Installer} installer
 * @param {Say} say
 */
const importDebian = async (engine, installer, say) => {
  const tag = rootfsTag();
  if (await findImage(engine, tag)) return tag;
  const archive = await ensureRootfs(engine, installer, say);
  say(`importing it as ${tag}`);
  const [repo = "", version = ""] = tag.split(":");
  const query = new URLSearchParams({ fromSrc: "-", repo, tag: version });
  await follow(engine, `/images/create?${query}`, { body: archive.stream() });
  return tag;
};

/**
 * @param {string} context
 * @param {string} arch
 */
const fillContext = async (context, arch) => {
  const recipe = readRecipe();
  await writeFile(join(context, "Dockerfile"), dockerfile());
  const node = await unpack(context, `node-linux-${arch}@${recipe.node}`);
  await rename(join(node, "bin/node"), join(context, "node"));
  await rm(node, { recursive: true });
  await rename(await unpack(context, `npm@${recipe.npm}`), join(context, "npm"));
};

/**
 * Fetches one package from the npm registry; npm checks its integrity. Returns the unpacked folder.
 * @param {string} context
 * @param {string} spec
 */
const unpack = async (context, spec) => {
  const folder = await mkdtemp(join(context, "pack-"));
  const options = { timeoutMs: 5 * 60_000, cwd: folder };
  const listed = await run("npm", ["pack", spec, "--json", "--silent"], options);
  const filename = /"filename": "([^"]+)"/.exec(listed)?.[1];
  if (!filename) throw new Error(`npm pack ${spec} did not say what it wrote: ${listed}`);
  await run("tar", ["-xzf", filename], options);
  const unpacked = join(context, `unpacked-${spec.replace(/\W/g, "-")}`);
  await rename(join(folder, "package"), unpacked);
  await rm(folder, { recursive: true });
  return unpacked;
};

/**
 * @param {Engine} engine
 * @param {string} context
 * @param {string} base
 * @param {string} tag
 */
const build = async (engine, context, base, tag) => {
  const { packages, user, workspace } = readRecipe();
  const buildargs = JSON.stringify({
    BASE: base,
    PACKAGES: packages.join(" "),
    USER_NAME: user.name,
    USER_ID: String(user.id),
    USER_HOME: user.home,
    WORKSPACE: workspace,
  });
  const query = new URLSearchParams({ t: tag, buildargs, forcerm: "1" });
  const tar = spawn("tar", ["-cf", "-", "--owner=0", "--group=0", "-C", context, "."], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await follow(engine, `/build?${query}`, { body: tar.stdout });
};
