import { globMatcher, type SetupFile } from "@headrace/domain";
import type { Tree } from "./tree.ts";

const MANIFESTS = [
  // Node; every workspace has its own package.json
  "**/{package.json,package-lock.json,npm-shrinkwrap.json,.npmrc}",
  "**/{pnpm-lock.yaml,pnpm-workspace.yaml,.pnpmfile.{cjs,mjs},yarn.lock,.yarnrc,.yarnrc.yml}",
  "**/{bun.lock,bun.lockb,bunfig.toml}",
  ".yarn/{releases,plugins,patches}/**",
  "**/patches/**",
  "**/*.patch",
  // Python
  "**/{pyproject.toml,setup.py,setup.cfg,uv.lock,uv.toml,poetry.lock,poetry.toml,Pipfile,Pipfile.lock,pdm.lock}",
  "**/{requirements*.txt,requirements*.in,constraints*.txt,*requirements.txt}",
  "**/requirements/*.{txt,in}",
  // Go, Rust
  "**/{go.mod,go.sum,go.work,go.work.sum}",
  "**/{Cargo.toml,Cargo.lock,rust-toolchain,rust-toolchain.toml}",
  ".cargo/**",
  // versions of tools
  "{.nvmrc,.node-version,.python-version,runtime.txt,.go-version,.ruby-version,.tool-versions,mise.toml,.mise.toml}",
  // packages that lie in the repository as archives
  "**/*.{whl,tgz}",
  // installed by commands that a person lists, in an image they name
  "**/{Gemfile,Gemfile.lock,composer.json,composer.lock,pom.xml,deno.json,deno.lock}",
];

const isManifest = globMatcher(MANIFESTS);
const isInstalled = globMatcher(["**/{node_modules,.venv,.git}/**"]);

/** Manifests, lockfiles and what installing from them reads: the only files set-up sees. */
export const manifestPaths = (paths: readonly string[]): string[] =>
  paths.filter((path) => isManifest(path) && !isInstalled(path)).sort();

/** The files of a commit that set-up sees, and the one at `also`, where it is a file. */
export const setupFilesAt = async (tree: Tree, also?: string): Promise<SetupFile[]> => {
  const modes = new Map(
    (await tree.list())
      .filter(({ mode }) => mode === "100644" || mode === "100755")
      .map(({ path, mode }) => [path, mode]),
  );
  const paths = new Set(manifestPaths([...modes.keys()]));
  if (also !== undefined && modes.has(also)) paths.add(also);
  const files: SetupFile[] = [];
  for (const path of paths) {
    const bytes = await tree.read(path);
    if (bytes) files.push({ path, bytes, executable: modes.get(path) === "100755" });
  }
  return files;
};
