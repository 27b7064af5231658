// @ts-check
// Sees to it that the queue will find a Redis: a named one, a program of this machine, or an image for a container.

import { findRedis, REDIS_IMAGE } from "../../packages/cli/src/machine/find-redis.mjs";
import { pullImage } from "./engine-progress.mjs";
import { Refusal } from "./refusal.mjs";

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {import("../../packages/cli/src/machine/find-engine.mjs").Engine | undefined} engine
 * @param {import("./installer.mjs").Installer} installer
 * @param {(line: string) => void} say
 * @returns {Promise<string>}
 */
export const ensureRedis = async (env, engine, installer, say) => {
  const found = await findRedis(env, engine);
  switch (found.kind) {
    case "url":
      if (found.answers) return `${found.address} from REDIS_URL answers`;
      throw new Refusal(
        `the Redis of REDIS_URL cannot be used: ${found.address}: ${found.detail}`,
        "start it, correct REDIS_URL, or unset it to have one started here",
      );
    case "program":
      if (!found.tooOld) return `${found.path} ${found.version}`;
      throw new Refusal(
        `${found.path} is ${found.version}; the queue needs Redis 5 or newer`,
        "update it, or name another Redis in REDIS_URL",
      );
    case "container":
      return `a container of ${found.image}, started when it is needed`;
    case "none":
      return obtain(env, engine, installer, say);
  }
};

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {import("../../packages/cli/src/machine/find-engine.mjs").Engine | undefined} engine
 * @param {import("./installer.mjs").Installer} installer
 * @param {(line: string) => void} say
 */
const obtain = async (env, engine, installer, say) => {
  const missing = "neither redis-server nor valkey-server is installed";
  if (engine && !installer.allowed) {
    say(`${missing}; pulling ${REDIS_IMAGE} to run it in a container`);
    const failure = await pullImage(engine, REDIS_IMAGE);
    if (!failure) return `a container of ${REDIS_IMAGE}, started when it is needed`;
    say(`no registry answers (${failure})`);
  }
  await installer.install(["redis"], missing, say);
  const now = await findRedis(env, engine);
  if (now.kind === "program") return `${now.path} ${now.version}, installed`;
  throw new Refusal(
    "the package was installed, but no redis-server is there",
    "install one by hand",
  );
};
