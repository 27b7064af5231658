import { globMatcher } from "./glob.ts";

/** What pins dependencies, as globs that git reads too; a task's permit `lockfile` opens them. */
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
].map((name) => `**/${name}`);

/** Every file in which a package manager may write where a package came from. */
export const PINNING: readonly string[] = [
  ...LOCKFILES,
  "**/pylock*.toml",
  "**/*requirements*.txt",
  "**/*constraints*.txt",
  "**/requirements/*.txt",
];

export const isLockfile = globMatcher(LOCKFILES);
export const isPinning = globMatcher(PINNING);
