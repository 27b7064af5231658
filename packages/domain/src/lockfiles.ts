import { globMatcher } from "./glob.ts";

/**
 * What pins dependencies, as globs that git reads too; a task's permit `lockfile` opens them. Package managers may
 * write in them where a package came from. pip's requirements are manifest and lock in one.
 */
export const LOCKFILES: readonly string[] = [
  "package-lock.json",
  "npm-shrinkwrap.json",
  "yarn.lock",
  "pnpm-lock.yaml",
  "bun.lock",
  "bun.lockb",
  "uv.lock",
  "poetry.lock",
  "Pipfile.lock",
  "pdm.lock",
  "Cargo.lock",
  "go.sum",
  "Gemfile.lock",
  "composer.lock",
  "pylock*.toml",
  "*requirements*.txt",
  "*constraints*.txt",
  "requirements/*.txt",
].map((name) => `**/${name}`);

export const isLockfile = globMatcher(LOCKFILES);
