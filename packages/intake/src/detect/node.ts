import { z } from "zod";
import { readText } from "../tree.ts";
import type { Detector, Found } from "./detection.ts";

const strings = z.record(z.string(), z.string()).catch({});
const PackageJson = z.looseObject({
  packageManager: z.string().optional().catch(undefined),
  scripts: strings.optional(),
  dependencies: strings.optional(),
  devDependencies: strings.optional(),
  workspaces: z.unknown().optional(),
});
type PackageJson = z.infer<typeof PackageJson>;

/** Scripts that npm runs after installing, though the sources they need are not there at set-up. */
const LIFECYCLE = ["preinstall", "install", "postinstall", "prepublish", "prepare"];

/** Gate name -> scripts that mean it, the first one present is used; cheap gates first. */
const GATE_SCRIPTS: readonly (readonly [string, readonly string[]])[] = [
  ["typecheck", ["typecheck", "type-check", "check:types", "check-types"]],
  ["lint", ["lint", "check"]],
  ["test", ["test"]],
  ["build", ["build"]],
];

/** `pnpm@9.1.0+sha512.abc` -> `9.1.0` */
const pinned = (manifest: PackageJson, tool: string): string | undefined => {
  const [name, version = ""] = (manifest.packageManager ?? "").split("@");
  return name === tool ? /^\d+[\w.-]*/.exec(version)?.[0] : undefined;
};

const npmSetup = (manifest: PackageJson, locked: boolean, found: Found): string[] => {
  const own = LIFECYCLE.filter((name) => Object.hasOwn(manifest.scripts ?? {}, name));
  const install = locked ? "npm ci" : "npm install";
  if (own.length === 0) return [install];
  found.notes.push(
    `The package's own ${own.join(", ")} script is not run at set-up, because its sources are not there; dependencies' scripts are.`,
  );
  return [`${install} --ignore-scripts`, "npm rebuild"];
};

const yarnSetup = (manifest: PackageJson, lock: string): string => {
  const version = pinned(manifest, "yarn");
  const berry = version === undefined ? lock.includes("__metadata:") : !version.startsWith("1.");
  return berry
    ? `npx --yes @yarnpkg/cli-dist@${version ?? "4"} install --immutable`
    : `npx --yes yarn@${version ?? "1"} install --frozen-lockfile`;
};

export const detectNode: Detector = async ({ tree, paths }, found) => {
  if (!paths.has("package.json")) return;
  let manifest: PackageJson;
  try {
    manifest = PackageJson.parse(JSON.parse((await readText(tree, "package.json")) ?? ""));
  } catch {
    found.notes.push("package.json is not valid JSON, so nothing was detected from it.");
    return;
  }
  const has = (name: string): boolean => paths.has(name);
  if (has("package-lock.json") || has("npm-shrinkwrap.json"))
    found.setup.push(...npmSetup(manifest, true, found));
  else if (has("pnpm-lock.yaml"))
    found.setup.push(
      `npx --yes pnpm@${pinned(manifest, "pnpm") ?? "latest"} install --frozen-lockfile`,
    );
  else if (has("yarn.lock"))
    found.setup.push(yarnSetup(manifest, (await readText(tree, "yarn.lock")) ?? ""));
  else if (has("bun.lock") || has("bun.lockb"))
    found.setup.push(
      `npx --yes bun@${pinned(manifest, "bun") ?? "latest"} install --frozen-lockfile`,
    );
  else if (
    Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length > 0 ||
    manifest.workspaces !== undefined
  ) {
    found.setup.push(...npmSetup(manifest, false, found));
    found.notes.push("There is no lockfile: two set-ups may install different versions.");
  }
  for (const [gate, scripts] of GATE_SCRIPTS) {
    const script = scripts.find((name) => Object.hasOwn(manifest.scripts ?? {}, name));
    const command = script === undefined ? undefined : manifest.scripts?.[script];
    if (script === undefined || command?.includes("no test specified")) continue;
    found.gate(gate, script === "test" ? "npm test" : `npm run ${script}`, `npm-${gate}`);
  }
};
