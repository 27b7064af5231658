import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { plainLine, UserError } from "@headrace/domain";
import { CONFIG_FILE, detect, treeAt } from "@headrace/intake";
import { openSourceRepo } from "@headrace/repo";
import { stringify } from "yaml";
import { quoted } from "../command.ts";
import { dataDir } from "../data-dir.ts";
import { baseVersions } from "../machine/base-image.mjs";
import { GATES_EXAMPLE } from "../view/policy-lines.ts";
import { text, type VerbAction } from "../world.ts";

const HEAD = `# What Headrace runs on this repository. Read from the commit a run starts from, never from a task's branch.
# Commit it to have it used. All fields: headrace-yaml.md, whose place \`headrace --help\` tells.
`;

/** Fields that cannot be detected, for a person to fill in. */
const TAIL = `
# sandbox:
#   image: node:24-bookworm   # what the default image lacks: nothing is root here, apt installs nothing
#   dockerfile: Dockerfile    # or one of this repository; needs --allow-repo-config
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

const NO_GATES = `
# No gates are found: what checks a change here? Without them the plan of a run brings its own.
${GATES_EXAMPLE.replaceAll(/^(?=.)/gm, "# ")}`;

/** Seconds as a person writes them. */
const timeOf = (seconds: number): string =>
  seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;

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
    ...(gates.length === 0
      ? {}
      : {
          gates: gates.map(({ name, run, timeoutS }) => ({ name, run, timeout: timeOf(timeoutS) })),
        }),
  };
  const versions = tools
    .map(({ tool, version, from }) => `# ${tool}: ${plainLine(`${version} (${from})`)}\n`)
    .join("");
  const file = join(path, CONFIG_FILE);
  await writeFile(
    file,
    `${HEAD}${versions}${stringify(config, { lineWidth: 0 })}${gates.length === 0 ? NO_GATES : ""}${TAIL}`,
    {
      flag: "wx",
    },
  ).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === "EEXIST"
      ? new UserError(`${file} exists already`, "Edit it, or move it away first.")
      : cause;
  });
  world.out(`wrote ${file}`);
  for (const note of notes) world.out(`  note: ${note}`);
  const named = text(options, "repo") === undefined ? "" : ` --repo ${quoted(path)}`;
  const { command } = dataDir(text(options, "data"), world.env);
  world.out(`  correct it, commit it, then try it: ${command(`check${named}`)}`);
  return 0;
};
