import { globMatcher, LOCKFILES } from "@headrace/domain";

/** What decides which tests run and how; a permit `gates:<name>` opens it. */
const RUNNER_CONFIG = [
  "**/{vitest,jest,playwright,cypress,karma,ava,nyc}.config.{js,cjs,mjs,ts,cts,mts,json}",
  "**/vitest.workspace.{js,mjs,ts,mts,json}",
  "**/.{mocharc,nycrc,c8rc}*",
  "**/{pytest.ini,tox.ini,conftest.py,.coveragerc,noxfile.py}",
];

/**
 * The changed paths that a task may not change, with its permits: what the policy protects is closed whatever
 * they say; lockfiles and runner configuration need a permit of their kind or a `path:` that covers them.
 */
export const touchedProtected = (
  changed: readonly string[],
  globs: readonly string[],
  permits: readonly string[],
): string[] => {
  const closed = globMatcher(globs);
  const guarded = globMatcher([
    ...(permits.includes("lockfile") ? [] : LOCKFILES),
    ...(permits.some((permit) => permit.startsWith("gates:")) ? [] : RUNNER_CONFIG),
  ]);
  const opened = globMatcher(
    permits.filter((permit) => permit.startsWith("path:")).map((permit) => permit.slice(5)),
  );
  return changed.filter((path) => closed(path) || (guarded(path) && !opened(path)));
};
