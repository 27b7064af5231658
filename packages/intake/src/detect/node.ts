import semver from "semver";
import { readText } from "../tree.ts";
import { type Detector, type Found, quoted } from "./detection.ts";
import { type Manager, managerOf } from "./node-manager.ts";
import { nodePackages } from "./node-version.ts";
import { type PackageJson, readPackageJson } from "./package-json.ts";
import { versionFiles } from "./version-files.ts";

/** Scripts that managers run when they install, though the sources they need are not there at set-up. */
const LIFECYCLE = ["preinstall", "install", "postinstall", "prepublish", "prepare"];
const MAX_WORKSPACES = 60;

/** Gate name -> scripts that mean it, the first one present is used; cheap gates first. */
const GATE_SCRIPTS: readonly (readonly [string, readonly string[]])[] = [
  ["typecheck", ["typecheck", "type-check", "check:types", "check-types"]],
  ["lint", ["lint", "check"]],
  ["test", ["test"]],
  ["build", ["build"]],
];

/** Installs tools where the environment's PATH looks first. */
const globally = (packages: readonly string[]): string[] =>
  packages.length === 0
    ? []
    : [`npm install --global --prefix "$HOME/.local" ${packages.join(" ")}`];

/** The base image's npm does for a repository that only says which versions of npm it allows. */
const npmDoes = (manager: Manager, baseNpm: string | undefined): boolean =>
  manager.name === "npm" &&
  (manager.wish === undefined ||
    baseNpm === undefined ||
    semver.satisfies(baseNpm, manager.wish.version));

/** Folders of packages whose own scripts would run when dependencies are installed. */
const ownScripts = async ({ tree, paths }: Parameters<Detector>[0]): Promise<string[]> => {
  const manifests = [...paths].filter(
    (path) => /(?:^|\/)package\.json$/.test(path) && !path.includes("node_modules/"),
  );
  const folders: string[] = [];
  for (const path of manifests.sort().slice(0, 500)) {
    const scripts = (await readPackageJson(tree, path))?.scripts ?? {};
    if (LIFECYCLE.some((name) => Object.hasOwn(scripts, name)))
      folders.push(path === "package.json" ? "." : path.slice(0, -"/package.json".length));
  }
  return folders;
};

/** Set-up sees copies of the manifests: what cannot run there yet is taken out of them. */
const withoutOwnScripts = (folders: readonly string[], found: Found): string[] => {
  if (folders.length === 0) return [];
  found.notes.push(
    `The ${folders.length === 1 && folders[0] === "." ? "package's own" : "packages' own"} install scripts are not run at set-up, because the sources are not there; dependencies' scripts are. What a gate needs of them belongs into its command.`,
  );
  const fields = LIFECYCLE.map((name) => `scripts.${name}`).join(" ");
  const where = folders.map(quoted).join(" ");
  return [`for p in ${where}; do npm pkg delete --prefix "$p" ${fields} || exit; done`];
};

const install = async (
  seen: Parameters<Detector>[0],
  manager: Manager,
  found: Found,
): Promise<string[]> => {
  const folders = await ownScripts(seen);
  if (folders.length <= MAX_WORKSPACES)
    return [...withoutOwnScripts(folders, found), manager.install];
  found.notes.push(
    "No install script is run at set-up: there are too many packages with scripts of their own. List setup commands in headrace.yaml if dependencies need theirs.",
  );
  return [`${manager.install} --ignore-scripts`];
};

const addGates = (manifest: PackageJson, manager: Manager, found: Found): void => {
  for (const [gate, scripts] of GATE_SCRIPTS) {
    const script = scripts.find((name) => Object.hasOwn(manifest.scripts ?? {}, name));
    const command = script === undefined ? undefined : manifest.scripts?.[script];
    if (script === undefined || command?.includes("no test specified")) continue;
    found.gate(gate, manager.script(script), `${manager.name}-${gate}`);
  }
};

export const detectNode: Detector = async (seen, found) => {
  const { tree, paths, base } = seen;
  const files = await versionFiles(seen, {
    files: [".nvmrc", ".node-version"],
    names: ["nodejs", "node"],
  });
  const present = paths.has("package.json");
  const manifest = present ? await readPackageJson(tree, "package.json") : {};
  if (manifest === undefined) {
    found.notes.push("package.json is not valid JSON, so nothing was detected from it.");
    return;
  }
  const text = async (path: string) => (paths.has(path) && (await readText(tree, path))) || "";
  const manager = managerOf(manifest, paths, {
    yarn: await text("yarn.lock"),
    pnpm: await text("pnpm-lock.yaml"),
  });
  const own = npmDoes(manager, base?.npm) ? undefined : manager.package;
  const packages = nodePackages(
    { manifest, files, base, ownNpm: own?.startsWith("npm@") === true },
    found,
  );
  if (manager.wish !== undefined) found.tool({ tool: manager.name, ...manager.wish });
  const needed =
    manager.locked ||
    manifest.workspaces !== undefined ||
    Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length > 0;
  // a manager's version is of no account where nothing is installed and no script calls it
  const tool = present && own !== undefined ? [quoted(own)] : [];
  found.setup.push(...globally([...packages, ...tool]));
  if (!present) return;
  if (needed) found.setup.push(...(await install(seen, manager, found)));
  if (needed && !manager.locked)
    found.notes.push("There is no lockfile: two set-ups may install different versions.");
  addGates(manifest, manager, found);
};
