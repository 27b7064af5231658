import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { UserError } from "@headrace/domain";
import { CONFIG_FILE, detect, treeAt } from "@headrace/intake";
import { openSourceRepo } from "@headrace/repo";
import { stringify } from "yaml";
import { baseVersions } from "../machine/base-image.mjs";
import { safe } from "../view/safe.ts";
import { text, type VerbAction } from "../world.ts";

const HEAD = `# What Headrace runs on this repository. Read from the commit a run starts from, never from a task's branch.
# Commit it to have it used. All fields: docs/headrace-yaml.md.
`;

/** Fields that cannot be detected, for a person to fill in. */
const TAIL = `
# sandbox:
#   memory: 2g
#   env:
#     TZ: UTC
#   services:                 # on 127.0.0.1 of every agent and gate
#     - image: postgres:16
#       env: { POSTGRES_HOST_AUTH_METHOD: trust }
#       ready: pg_isready
#   network:                  # needs --allow-repo-config
#     setup: [downloads.example.com]
# protected:
#   - migrations/**
`;

/** Writes headrace.yaml from what is detected at HEAD, for a person to correct and commit. */
export const init: VerbAction = async (world, _operands, options) => {
  const repo = await openSourceRepo({ path: resolve(world.cwd, text(options, "repo") ?? ".") });
  const { path, head, bare } = await repo.inspect();
  if (bare)
    throw new UserError(
      `${path} is bare: there is no folder to write ${CONFIG_FILE} to`,
      "Run it in a clone.",
    );
  const { gates, setup, notes, tools, image } = await detect(treeAt(repo, head), baseVersions());
  const config = {
    ...(image === undefined ? {} : { sandbox: { image } }),
    setup,
    gates: gates.map((g) => ({ name: g.name, run: g.run, timeout: g.timeoutS })),
  };
  const versions = tools
    .map(({ tool, version, from }) => `# ${tool}: ${safe(`${version} (${from})`)}\n`)
    .join("");
  const file = join(path, CONFIG_FILE);
  await writeFile(file, `${HEAD}${versions}${stringify(config, { lineWidth: 0 })}${TAIL}`, {
    flag: "wx",
  }).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === "EEXIST"
      ? new UserError(`${file} exists already`, "Edit it, or move it away first.")
      : cause;
  });
  world.out(`wrote ${file}`);
  for (const note of notes) world.out(`  note: ${note}`);
  world.out("  correct it, commit it, then try it: headrace check");
  return 0;
};
