import { globMatcher } from "@headrace/domain";

const MANIFESTS = [
  // Node; every workspace has its own package.json
  "**/{package.json,package-lock.json,npm-shrinkwrap.json,.npmrc}",
  "**/{pnpm-lock.yaml,pnpm-workspace.yaml,.pnpmfile.cjs,yarn.lock,.yarnrc,.yarnrc.yml}",
  "**/{bun.lock,bun.lockb,bunfig.toml}",
  ".yarn/{releases,plugins,patches}/**",
  "**/patches/**",
  // Python
  "**/{pyproject.toml,setup.py,setup.cfg,uv.lock,uv.toml,poetry.lock,poetry.toml,Pipfile,Pipfile.lock,pdm.lock}",
  "**/{requirements*.txt,requirements*.in,constraints*.txt,*requirements.txt}",
  "**/requirements/*.{txt,in}",
  // Go, Rust
  "**/{go.mod,go.sum,go.work,go.work.sum}",
  "**/{Cargo.toml,Cargo.lock,rust-toolchain,rust-toolchain.toml}",
  ".cargo/**",
  // versions of tools
  "{.nvmrc,.node-version,.python-version,.go-version,.tool-versions,mise.toml,.mise.toml}",
];

const isManifest = globMatcher(MANIFESTS);
const isInstalled = globMatcher(["**/{node_modules,.venv,.git}/**"]);

/** Manifests, lockfiles and what installing from them reads: the only files set-up sees. */
export const manifestPaths = (paths: readonly string[]): string[] =>
  paths.filter((path) => isManifest(path) && !isInstalled(path)).sort();
