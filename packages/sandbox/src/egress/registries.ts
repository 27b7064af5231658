import { PROXY_URL, UserError } from "@headrace/domain";
import type { Reach } from "./addresses.ts";
import { type PythonPart, packagesProblem } from "./python-projects.ts";
import type { PrivateRegistry } from "./types.ts";

/** What an endpoint's answers may hold that has to be turned to the endpoints. */
type Rewriting = "npm" | "pypi" | "crates" | "none";

/** A registry behind a path of the proxy. */
export type Endpoint = {
  /** first segment of the path that a sandbox asks for */
  name: string;
  /** scheme, host and path prefix, without a slash at the end */
  base: string;
  reach: Reach;
  rewriting: Rewriting;
  python?: PythonPart | undefined;
  /** whether query strings reach it; public registries need none to read, so they carry nothing out */
  query: boolean;
  authorization?: string | undefined;
  /** other URL prefixes under which the same files are known */
  aliases: readonly string[];
  /** URL prefixes its redirects may lead to, besides other endpoints */
  redirects: readonly string[];
};

type Row = Pick<Endpoint, "name" | "base"> & Partial<Endpoint>;

const OF_PUBLIC: Omit<Endpoint, "name" | "base"> = {
  reach: "elsewhere",
  rewriting: "none",
  query: false,
  aliases: [],
  redirects: [],
};

const PUBLIC: readonly Row[] = [
  {
    name: "npm",
    base: "https://registry.npmjs.org",
    rewriting: "npm",
    aliases: ["https://registry.yarnpkg.com"],
  },
  { name: "pypi", base: "https://pypi.org", rewriting: "pypi", python: { index: "/simple" } },
  { name: "pypi-files", base: "https://files.pythonhosted.org", python: {} },
  // packages are signed, and a Debian image has no certificates to begin with
  { name: "debian", base: "http://deb.debian.org/debian" },
  {
    name: "debian-security",
    base: "http://deb.debian.org/debian-security",
    aliases: ["http://security.debian.org/debian-security"],
  },
  {
    name: "go",
    base: "https://proxy.golang.org",
    // where it sends the archives of modules, with a signed query
    redirects: ["https://storage.googleapis.com/proxy-golang-org-prod"],
  },
  { name: "crates", base: "https://index.crates.io", rewriting: "crates" },
  { name: "crates-dl", base: "https://static.crates.io" },
];

/** Hosts of the mirrors that a package manager reaches by plain HTTP through the proxy. */
export const PLAIN_MIRRORS: readonly string[] = ["deb.debian.org", "security.debian.org"];

export const endpointUrl = (name: string): string => `${PROXY_URL}/${name}`;

/** A registry that names nothing of its own is where its kind's packages come from, instead of the public one. */
export const isDefault = ({ kind, scopes, packages = [] }: PrivateRegistry): boolean =>
  kind !== "other" && scopes.length === 0 && packages.length === 0;

/**
 * An index of Python packages and its files lie side by side, and links between them climb: the endpoint is the
 * folder above the index.
 */
const splitIndex = ({ kind, url }: PrivateRegistry): { base: string; index: string } => {
  const whole = url.replace(/\/+$/, "");
  const index = kind === "pypi" ? (/\/\+?simple$/.exec(whole)?.[0] ?? "") : "";
  return { base: whole.slice(0, whole.length - index.length), index };
};

/** Where a client finds a private registry: its endpoint, with the folder of a Python index. */
export const clientUrl = (registry: PrivateRegistry): string =>
  `${endpointUrl(registry.name)}${splitIndex(registry).index}`;

const ofPrivate = (registry: PrivateRegistry): Endpoint => ({
  name: registry.name,
  base: splitIndex(registry).base,
  reach: "any",
  python: registry.kind === "pypi" ? pythonPart(registry) : undefined,
  rewriting: registry.kind === "other" ? "none" : registry.kind,
  query: true,
  authorization: registry.authorization,
  aliases: [],
  redirects: [],
});

const pythonPart = (registry: PrivateRegistry): PythonPart => ({
  index: splitIndex(registry).index,
  packages: isDefault(registry) ? undefined : registry.packages,
});

/** Every endpoint of the proxy by name. Throws `UserError` where a private registry's name or address is unfit. */
export const endpointsOf = (registries: readonly PrivateRegistry[]): Map<string, Endpoint> => {
  const endpoints = new Map<string, Endpoint>();
  for (const row of PUBLIC) {
    endpoints.set(row.name, { ...OF_PUBLIC, ...row });
  }
  for (const registry of registries) {
    const problem = problemOf(registry, endpoints);
    if (problem !== undefined)
      throw new UserError(
        `the private registry ${registry.name} ${problem}`,
        "correct it in config.yaml of the data directory",
      );
    endpoints.set(registry.name, ofPrivate(registry));
  }
  return endpoints;
};

const problemOf = (
  { name, url, packages = [] }: PrivateRegistry,
  taken: ReadonlyMap<string, unknown>,
): string | undefined => {
  if (!/^[a-z0-9][a-z0-9-]{0,40}$/.test(name))
    return "has no name of lower-case letters and dashes";
  if (taken.has(name)) return "has the name of another registry";
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return "has no http or https URL";
  if (parsed.username !== "" || parsed.password !== "") return "has credentials in its URL";
  if (parsed.search !== "" || parsed.hash !== "") return "has a query or a fragment in its URL";
  for (const one of packages) {
    const problem = packagesProblem(one);
    if (problem !== undefined) return `has in its packages ${one}, which ${problem}`;
  }
  const local = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(parsed.hostname);
  return parsed.protocol === "http:" && !local ? "needs https" : undefined;
};
