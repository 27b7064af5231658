import { PRODUCT, PROXY_URL } from "@headrace/domain";
import { HOME } from "../profile.ts";
import { clientUrl, endpointUrl, isDefault } from "./registries.ts";
import type { ClientSettings, PrivateRegistry } from "./types.ts";

const PLACEHOLDER = "headrace-placeholder";

/**
 * Each client's own settings for the endpoints. What has no setting of that kind (curl, git, apt, poetry) is left
 * with the proxy variables, and so with the hosts that are listed.
 */
export const clientSettings = (registries: readonly PrivateRegistry[]): ClientSettings => {
  const standIn = (kind: PrivateRegistry["kind"]) =>
    registries.find((registry) => registry.kind === kind && isDefault(registry));
  const [npmStandIn, pypiStandIn] = [standIn("npm"), standIn("pypi")];
  // pip and uv compare an index with what a lockfile says: no slash at the end, as PyPI's own is written
  const pypi = pypiStandIn === undefined ? `${endpointUrl("pypi")}/simple` : clientUrl(pypiStandIn);
  const npm = `${endpointUrl(npmStandIn?.name ?? "npm")}/`;
  return {
    env: {
      ...placeholders(registries),
      ...proxied,
      ...npmEnv(npm),
      ...preloading(registries),
      ...pythonEnv(pypi),
      GOPROXY: endpointUrl("go"),
    },
    files: [
      { path: ".npmrc", text: npmrc(npm, registries) },
      ...preloaded(registries),
      ...scopedYarn(registries),
      { path: ".cargo/config.toml", text: CARGO },
    ],
  };
};

const proxied = Object.fromEntries([
  ...["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"].map((name) => [name, PROXY_URL]),
  ...["no_proxy", "NO_PROXY"].map((name) => [name, "127.0.0.1,localhost"]),
  // without it, what Node has built in (fetch, http, https) passes by the proxy and finds no network
  ["NODE_USE_ENV_PROXY", "1"],
]);

const placeholders = (registries: readonly PrivateRegistry[]): Record<string, string> =>
  Object.fromEntries(registries.flatMap((r) => r.placeholders).map((name) => [name, PLACEHOLDER]));

const npmEnv = (url: string) => ({
  npm_config_registry: url,
  // questions to the registry that installing does not need, and that it would only hear refused
  npm_config_audit: "false",
  npm_config_fund: "false",
  npm_config_update_notifier: "false",
  // pnpm has its own names since version 11
  pnpm_config_registry: url,
  YARN_REGISTRY: url,
  YARN_NPM_REGISTRY_SERVER: url.replace(/\/$/, ""),
  YARN_UNSAFE_HTTP_WHITELIST: "127.0.0.1",
  YARN_ENABLE_TELEMETRY: "0",
  COREPACK_NPM_REGISTRY: url.replace(/\/$/, ""),
});

const pythonEnv = (index: string) => ({
  PIP_INDEX_URL: index,
  PIP_DISABLE_PIP_VERSION_CHECK: "1",
  // what it downloaded would be kept twice in an environment, and is of no use without an index
  PIP_NO_CACHE_DIR: "1",
  UV_DEFAULT_INDEX: index,
  PIPENV_PYPI_MIRROR: index,
  PDM_PYPI_URL: index,
  // heard where poetry has its mirror plugin: poetry itself has no setting for PyPI's address
  POETRY_PYPI_MIRROR_URL: `${index}/`,
});

const npmrc = (url: string, registries: readonly PrivateRegistry[]): string =>
  [`registry=${url}`, ...npmScopes(registries).map(([s, to]) => `@${s}:registry=${to}/`), ""].join(
    "\n",
  );

const PRELOADED = `.${PRODUCT}-npm-scopes.cjs`;

/**
 * A project's own .npmrc, which names the registry of a scope itself, is outranked by a variable only. No shell lets
 * one of such a name through to npm, so that it is set within: for npm, pnpm before 11 and yarn 1.
 */
const preloaded = (registries: readonly PrivateRegistry[]): ClientSettings["files"] => {
  const lines = npmScopes(registries).map(
    ([scope, url]) =>
      `process.env[${JSON.stringify(`npm_config_@${scope}:registry`)}] ??= "${url}/";\n`,
  );
  return lines.length === 0 ? [] : [{ path: PRELOADED, text: lines.join("") }];
};

const preloading = (registries: readonly PrivateRegistry[]): Record<string, string> =>
  npmScopes(registries).length === 0 ? {} : { NODE_OPTIONS: `--require=${HOME}/${PRELOADED}` };

/** Yarn of the second generation reads no .npmrc. */
const scopedYarn = (registries: readonly PrivateRegistry[]): ClientSettings["files"] => {
  const scopes = npmScopes(registries);
  if (scopes.length === 0) return [];
  const lines = scopes.flatMap(([s, url]) => [`  ${s}:`, `    npmRegistryServer: "${url}"`]);
  return [{ path: ".yarnrc.yml", text: ["npmScopes:", ...lines, ""].join("\n") }];
};

const npmScopes = (registries: readonly PrivateRegistry[]): (readonly [string, string])[] =>
  registries
    .filter(({ kind }) => kind === "npm")
    .flatMap((r) => r.scopes.map((scope) => [scope.replace(/^@/, ""), clientUrl(r)] as const));

const CARGO = `[source.crates-io]
replace-with = "headrace"

[source.headrace]
registry = "sparse+${endpointUrl("crates")}/"
`;
