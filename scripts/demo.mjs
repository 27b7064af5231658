// @ts-check
// The demo: the whole line on a small real spec with a scripted model, then the built tool is run. No key is needed.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DEMO_SCRIPT, demoRun } from "./demo/hand-in.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LAUNCHER = join(ROOT, "packages/cli/bin/headrace.mjs");

/**
 * @param {string} program
 * @param {string[]} args
 * @param {import("node:child_process").SpawnSyncOptions} [options]
 */
const run = (program, args, options = {}) => {
  const { status, error } = spawnSync(program, args, { stdio: "inherit", ...options });
  if (error) throw error;
  return status ?? 1;
};

/** @param {string[]} args */
const headrace = (args) => run(process.execPath, [LAUNCHER, ...args]);

const say = (/** @type {string} */ text) => console.log(text);

const KEPT = Boolean(process.env.HEADRACE_KEEP_DEMO);
const KEEP = "HEADRACE_KEEP_DEMO=1 npm run demo";

const folder = mkdtempSync(join(tmpdir(), "headrace-demo-"));
const repo = join(folder, "csvstat");
const data = join(folder, "data");

/** What the run built, checked out apart from the repository it was built in, and used. */
const useTheTool = () => {
  const checkout = join(folder, "checkout");
  const branch = spawnSync(
    "git",
    ["for-each-ref", "--format=%(refname:short)", "refs/heads/headrace/*/integration"],
    {
      cwd: repo,
      encoding: "utf8",
    },
  ).stdout.trim();
  say(`\nThe built tool, from ${branch}:\n`);
  if (run("git", ["clone", "--quiet", "--branch", branch, repo, checkout]) !== 0) return 1;
  say("$ node bin/csvstat.mjs examples/people.csv");
  return run(process.execPath, ["bin/csvstat.mjs", "examples/people.csv"], { cwd: checkout });
};

const REAL = `
The model was scripted (examples/csvstat/script.yaml): its replies were written beforehand, and the dollars above are what
the same tokens would have cost. Everything else was real: Redis, git, SQLite, and one sandbox for every agent and gate.

With a real model, on your own repository:
  export ANTHROPIC_API_KEY=...
  npx headrace run spec.md --repo DIR
`;

try {
  say(
    "headrace demo: a spec for a small command-line tool, built from an empty repository by a scripted model.\n",
  );
  const args = [...demoRun(repo), "--model", `script:${DEMO_SCRIPT}`, "--data", data];
  args.push("--foreground");
  say(`$ headrace ${args.join(" ").replaceAll(ROOT, "")}\n`);
  const built = headrace(args);
  // the report names commands on a folder that is about to go
  if (built === 0 && !KEPT)
    say(
      `\n"review" and "land" work on a demo that is kept: ${KEEP}. This one is removed at its end.`,
    );
  process.exitCode = built === 0 ? useTheTool() : built;
  if (process.exitCode === 0) say(REAL);
} finally {
  if (KEPT) say(`kept: ${folder}\n  npx headrace review RUN --data ${data}, and every other verb`);
  else {
    rmSync(folder, { recursive: true, force: true });
    say(`The demo's folder is removed with its run. To keep both: ${KEEP}`);
  }
}
