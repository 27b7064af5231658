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

/**
 * Lockfiles that a package manager writes from the manifests alone: the command, run in the lockfile's folder, by which
 * it keeps what the file pins already. None runs code of the tree or of a package.
 */
const REGENERATE: Readonly<Record<string, string>> = {
  "package-lock.json": "npm install --package-lock-only --ignore-scripts --no-audit --no-fund",
  "npm-shrinkwrap.json": "npm install --package-lock-only --ignore-scripts --no-audit --no-fund",
  "pnpm-lock.yaml": "pnpm install --lockfile-only --ignore-scripts --ignore-pnpmfile",
  "uv.lock": "uv lock --no-build",
  "Cargo.lock": "cargo update --workspace",
};

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** The command that writes a lockfile again; undefined where that takes more than its manifests. */
export const regeneration = (path: string): string | undefined => REGENERATE[nameOf(path)];

export const isRegenerable = (path: string): boolean => regeneration(path) !== undefined;
