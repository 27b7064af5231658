// @ts-check
// What the demo hands in. It is shown by the demo, measured by benchmarks and put under a storm by a test.

import { join } from "node:path";
import { fileURLToPath } from "node:url";

const EXAMPLE = fileURLToPath(new URL("../../examples/csvstat", import.meta.url));

/** Replies of the demo's model, as docs/model-script.md describes them. */
export const DEMO_SCRIPT = join(EXAMPLE, "script.yaml");

/**
 * Arguments of the command that builds the example.
 * @param {string} repo
 * @param {"--new" | "--repo"} where in a repository that is made there, or in one that is there
 */
export const demoRun = (repo, where = "--new") => ["run", join(EXAMPLE, "spec.md"), where, repo];
