import semver from "semver";
import type { PackageJson } from "./package-json.ts";

/** A package manager of Node as one repository uses it. */
export type Manager = {
  name: "npm" | "pnpm" | "yarn" | "bun";
  /** what npm installs to have it; undefined: npm itself, at no particular version */
  package: string | undefined;
  /** undefined: as the lockfile's format suggests */
  wish: { version: string; from: string } | undefined;
  install: string;
  /** runs a script of package.json */
  script(name: string): string;
};

type Name = Manager["name"];

const LOCKS: readonly (readonly [file: string, manager: Name])[] = [
  ["package-lock.json", "npm"],
  ["npm-shrinkwrap.json", "npm"],
  ["pnpm-lock.yaml", "pnpm"],
  ["yarn.lock", "yarn"],
  ["bun.lock", "bun"],
  ["bun.lockb", "bun"],
];

/** The newest pnpm that reads each lockfile format (2026-11). */
const PNPM_BY_LOCK: readonly (readonly [format: string, version: string])[] = [
  ["9.", "10"],
  ["6.", "8"],
  ["5.", "7"],
];

/** `pnpm@9.1.0+sha512.abc` -> `9.1.0`; nothing that is no version gets into a command. */
const clean = (version: string): string | undefined =>
  semver.valid(version.replace(/\+.*/, "")) ?? semver.validRange(version) ?? undefined;

const wishFor = (manifest: PackageJson, name: Name): Manager["wish"] => {
  const [pinned, pin = ""] = (manifest.packageManager ?? "").split("@");
  const dev = [manifest.devEngines?.packageManager ?? []].flat().find((one) => one.name === name);
  const given: (readonly [string, string | undefined])[] = [
    ["packageManager", pinned === name ? pin : undefined],
    ["devEngines.packageManager", dev?.version],
    ["volta", manifest.volta?.[name]],
    ["engines", manifest.engines?.[name]],
  ];
  for (const [field, text] of given) {
    const version = text === undefined ? undefined : clean(text);
    if (version !== undefined) return { version, from: `package.json ${field}` };
  }
  return undefined;
};

/** Who installs: the manager that the manifest names, else the one whose lockfile is there. */
const nameOf = (manifest: PackageJson, paths: ReadonlySet<string>): Name | undefined => {
  const locked = LOCKS.filter(([file]) => paths.has(file)).map(([, name]) => name);
  const [pinned] = (manifest.packageManager ?? "").split("@");
  return locked.find((name) => name === pinned) ?? locked[0];
};

const yarn = (wish: Manager["wish"], lock: string): Pick<Manager, "package" | "install"> => {
  const version = wish?.version;
  const berry =
    version === undefined ? lock.includes("__metadata:") : !semver.intersects(version, "<2");
  return berry
    ? { package: `@yarnpkg/cli-dist@${version ?? "4"}`, install: "yarn install --immutable" }
    : { package: `yarn@${version ?? "1"}`, install: "yarn install --frozen-lockfile" };
};

const pnpmFor = (lock: string): string => {
  const format = /^lockfileVersion: *'?([\d.]+)/m.exec(lock)?.[1] ?? "";
  return PNPM_BY_LOCK.find(([start]) => format.startsWith(start))?.[1] ?? "10";
};

/** The manager of a repository, locked or not. */
export const managerOf = (
  manifest: PackageJson,
  paths: ReadonlySet<string>,
  /** text of the lockfile that decides a version, where one is there */
  locks: { yarn: string; pnpm: string },
): Manager & { locked: boolean } => {
  const found = nameOf(manifest, paths);
  const name = found ?? "npm";
  const wish = wishFor(manifest, name);
  const script = (one: string): string =>
    one === "test" && name !== "bun" ? `${name} test` : `${name} run ${one}`;
  const common = { name, wish, script, locked: found !== undefined };
  switch (name) {
    case "npm":
      return {
        ...common,
        package: wish && `npm@${wish.version}`,
        install: found === undefined ? "npm install" : "npm ci",
      };
    case "pnpm":
      return {
        ...common,
        package: `pnpm@${wish?.version ?? pnpmFor(locks.pnpm)}`,
        // since 11 it installs before each script, which fails without a network
        install:
          "pnpm config set --location=global verifyDepsBeforeRun false && pnpm install --frozen-lockfile",
      };
    case "yarn":
      return { ...common, ...yarn(wish, locks.yarn) };
    case "bun":
      return {
        ...common,
        package: `bun@${wish?.version ?? "1"}`,
        install: "bun install --frozen-lockfile",
      };
  }
};
