// @ts-check
// A Debian file tree made by debootstrap, for machines that reach a Debian mirror but no image registry. It is kept
// as a tar, so that an engine which lost its images is served again without the network.

import { createReadStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { readRecipe, rootfsTag } from "../../packages/cli/src/machine/base-image.mjs";
import { which } from "../../packages/cli/src/machine/which.mjs";
import { CACHE } from "./folders.mjs";
import { Refusal } from "./refusal.mjs";
import { run } from "./run.mjs";

const DEBOOTSTRAP_MS = 15 * 60_000;

const LEFT_OUT = [
  "./dev/*",
  "./proc/*",
  "./sys/*",
  "./var/cache/apt/archives/*.deb",
  "./var/lib/apt/lists/*",
  "./usr/share/doc/*",
  "./usr/share/man/*",
  "./usr/share/locale/*",
];

/**
 * @param {import("../../packages/cli/src/machine/find-engine.mjs").Engine} engine
 * @param {import("./installer.mjs").Installer} installer
 * @param {(line: string) => void} say
 */
export const ensureRootfs = async (engine, installer, say) => {
  const archive = join(CACHE, `${rootfsTag().replace(":", "-")}-${engine.arch}.tar`);
  if (existsSync(archive)) say(`using ${archive}`);
  else {
    refuseWhereImpossible(engine);
    if (!which("debootstrap"))
      await installer.install(
        ["debootstrap"],
        "no registry answers, and debootstrap is missing",
        say,
      );
    await makeRootfs(archive, say);
  }
  return { stream: () => createReadStream(archive) };
};

/**
 * @param {string} archive
 * @param {(line: string) => void} say
 */
const makeRootfs = async (archive, say) => {
  const { debootstrap, packages } = readRecipe();
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(join(CACHE, "rootfs-"));
  try {
    const tree = join(work, "tree");
    say(`debootstrap ${debootstrap.suite} from ${debootstrap.mirror} (about a minute)`);
    await run(
      "debootstrap",
      [
        "--force-check-gpg",
        "--variant=minbase",
        `--include=${packages.join(",")}`,
        debootstrap.suite,
        tree,
        debootstrap.mirror,
      ],
      { timeoutMs: DEBOOTSTRAP_MS },
    );
    const partial = join(work, "rootfs.tar");
    const excludes = LEFT_OUT.map((pattern) => `--exclude=${pattern}`);
    await run("tar", ["-cf", partial, "--numeric-owner", ...excludes, "-C", tree, "."], {
      timeoutMs: DEBOOTSTRAP_MS,
    });
    await rename(partial, archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
};

/** @param {import("../../packages/cli/src/machine/find-engine.mjs").Engine} engine */
const refuseWhereImpossible = (engine) => {
  const otherwise =
    "let the engine reach docker.io (proxy? sign-in?), then run npm run setup again";
  const no = (/** @type {string} */ why, remedy = otherwise) => {
    throw new Refusal(`the base image can neither be pulled nor made here: ${why}`, remedy);
  };
  if (process.platform !== "linux") no("debootstrap needs Linux");
  if (engine.arch !== process.arch)
    no(`the engine is ${engine.arch}, this machine ${process.arch}`);
  if (process.getuid?.() !== 0)
    no(
      "debootstrap needs root",
      `sudo npm run setup once (every user of this engine shares the image), or ${otherwise}`,
    );
};
