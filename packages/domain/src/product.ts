/** The product's name: commands, refs, trailers, folders and labels all take it from here. */
export const PRODUCT = "headrace";

/** Version of the product, as `--version` prints it. */
export const VERSION = "0.1.0";

const TRAILER_PREFIX = "Headrace";

/** Names of the trailers every landing commit carries, in the order they are written. */
export const TRAILERS = {
  run: `${TRAILER_PREFIX}-Run`,
  task: `${TRAILER_PREFIX}-Task`,
  requirement: `${TRAILER_PREFIX}-Requirement`,
  receipt: `${TRAILER_PREFIX}-Receipt`,
  model: `${TRAILER_PREFIX}-Model`,
  cost: `${TRAILER_PREFIX}-Cost`,
} as const;

/** Branch (without `refs/heads/`) on which a run's verified work is merged. */
export const integrationBranch = (run: string): string => `${PRODUCT}/${run}/integration`;

/** Branch (without `refs/heads/`) that shows one task's landed change or last snapshot. */
export const taskBranch = (run: string, task: string, slug: string): string =>
  `${PRODUCT}/${run}/tasks/${task}-${slug}`;

/** Full ref name of a branch. */
export const branchRef = (branch: string): string => `refs/heads/${branch}`;

/** Who commits: landings and changes are the factory's, never the agent's nor the user's. */
export const COMMITTER = { name: "Headrace", email: "factory@headrace.invalid" } as const;

/** Container labels; the reaper finds what this installation owns by them. */
export const LABELS = {
  owner: `${PRODUCT}.owner`,
  boot: `${PRODUCT}.boot`,
  run: `${PRODUCT}.run`,
  step: `${PRODUCT}.step`,
  environment: `${PRODUCT}.environment`,
} as const;
