import { Transform } from "node:stream";
import { LOCKFILES } from "@headrace/domain";
import { type Endpoint, endpointUrl, isDefault } from "./registries.ts";
import type { PrivateRegistry, Restoring } from "./types.ts";

/** Pairs of a pattern's source and what stands in its place. */
export type Rules = readonly (readonly [source: string, replacement: string])[];

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

/** No part of a longer host, port or path segment follows. */
const END = "(?![\\w.~%:@-])";

/** A URL may be written with either scheme where its port is the scheme's own. */
const urlRules = (base: string, replacement: string): Rules => {
  const [, scheme = "", rest = ""] = /^(https?):\/\/(.*)$/.exec(base) ?? [];
  const ported = /^(?:[^/]*\]|[^/:]*):\d/.test(rest);
  const [schemes, port] = ported ? [scheme, ""] : ["https?", "(?::443|:80)?"];
  const [host = "", ...path] = rest.split("/");
  const tail = path.map((segment) => `/${segment}`).join("");
  const encoded = (text: string) => literal(encodeURIComponent(text));
  return [
    [`${schemes}:\\/\\/${literal(host)}${port}${literal(tail)}${END}`, replacement],
    // yarn keeps the addresses of some archives as a parameter of another
    [`${schemes}${encoded(`://${host}${tail}`)}(?=%2[Ff])`, encodeURIComponent(replacement)],
  ];
};

/**
 * Every absolute URL of a registry, and its endpoint's. A private registry that takes the public one's place also
 * takes what a lockfile says of it; files of PyPI itself stay where their hashes say they are.
 */
export const rulesOf = (
  endpoints: ReadonlyMap<string, Endpoint>,
  registries: readonly PrivateRegistry[],
): Rules => {
  const stand = (name: string) => registries.find((r) => r.kind === name && isDefault(r))?.name;
  return (
    [...endpoints.values()]
      .flatMap(({ name, base, aliases }) =>
        [base, ...aliases].map((url) => [url, endpointUrl(stand(name) ?? name)] as const),
      )
      // the first alternative wins: a registry inside another's prefix comes before it
      .sort(([a], [b]) => b.length - a.length)
      .flatMap(([url, to]) => urlRules(url, to))
  );
};

/**
 * The way back for what a package manager wrote: each endpoint's address becomes its registry's own. Yarn knows the
 * public one by another name than npm.
 */
export const restoringOf = (endpoints: ReadonlyMap<string, Endpoint>): Restoring[] => {
  const back = (name: string, url: string) => urlRules(endpointUrl(name), url);
  return [
    { globs: ["**/yarn.lock"], rules: back("npm", "https://registry.yarnpkg.com") },
    {
      globs: LOCKFILES,
      rules: [...endpoints.values()].flatMap(({ name, base }) => back(name, base)),
    },
  ];
};

/** Links from the host's root, as some Python indexes write them, would miss the endpoint. */
const rootRules = ({ base, name }: Endpoint): Rules => {
  const { pathname } = new URL(`${base}/`);
  return ['href="', "href='", '"url":"', '"url": "'].map((before) => [
    `${literal(`${before}${pathname}`)}(?!\\/)`,
    `${before}/${name}/`,
  ]);
};

const compile = (rules: Rules) => {
  const pattern = new RegExp(rules.map(([source]) => `(${source})`).join("|"), "g");
  const replacementOf = (match: RegExpExecArray): string =>
    rules[match.slice(1).findIndex((group) => group !== undefined)]?.[1] ?? match[0];
  return { pattern, replacementOf };
};

/** Longer than any match with what decides about it: what is held back of a stream. */
const HELD = 2100;

/** Replaces in a stream of bytes without changing any other; matches may lie across chunks. */
const replacing = (rules: Rules): Transform => {
  const { pattern, replacementOf } = compile(rules);
  let held = "";
  const take = (text: string, settled: number): string => {
    let [out, from] = ["", 0];
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      if (match.index >= settled) break;
      out += text.slice(from, match.index) + replacementOf(match);
      from = match.index + match[0].length;
    }
    const end = Math.max(from, settled);
    held = text.slice(end);
    return out + text.slice(from, end);
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const text = held + chunk.toString("latin1");
      done(null, Buffer.from(take(text, Math.max(0, text.length - HELD)), "latin1"));
    },
    flush(done) {
      done(null, Buffer.from(take(held, held.length), "latin1"));
    },
  });
};

/** What turns an endpoint's answer to this path into one that leads to the endpoints; undefined: nothing in it does. */
export const answerRewriter = (
  endpoint: Endpoint,
  rules: Rules,
  answer: { path: string; type: string },
): Transform | undefined => {
  switch (endpoint.rewriting) {
    case "npm":
      return /json/i.test(answer.type) ? replacing(rules) : undefined;
    case "pypi":
      return /json|html/i.test(answer.type)
        ? replacing([...rules, ...rootRules(endpoint)])
        : undefined;
    case "crates":
      return answer.path === "/config.json" ? replacing(rules) : undefined;
    case "none":
      return undefined;
  }
};

const MANIFESTS = [
  /^(?:package-lock|npm-shrinkwrap)\.json$/,
  /^(?:yarn\.lock|\.yarnrc|\.yarnrc\.yml|\.npmrc)$/,
  /^(?:pnpm-lock|pnpm-workspace)\.yaml$/,
  /^(?:bun\.lock|bunfig\.toml)$/,
  /^(?:pyproject|uv|pylock(?:\.[\w-]+)?|poetry)\.toml$/,
  /^(?:uv|poetry|pdm|Pipfile|Cargo)\.lock$/,
  /^(?:Pipfile|pip\.conf|pip\.ini|setup\.cfg)$/,
  /^[\w.-]*(?:requirements|constraints)[\w.-]*\.(?:txt|in)$/,
];
const MANIFEST_PATHS = [
  /(?:^|\/)requirements\/[^/]+\.(?:txt|in)$/,
  /(?:^|\/)\.cargo\/config(?:\.toml)?$/,
];

const isManifest = (path: string): boolean => {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return MANIFESTS.some((m) => m.test(name)) || MANIFEST_PATHS.some((m) => m.test(path));
};

/** Poetry refuses a lock whose hash is not that of these lines; pip installs from it and finds its own way. */
const POETRY_SOURCE = /^\[\[tool\.poetry\.source\]\]/m;

/** See `Egress.rewrite`. */
export const manifestRewriter = (
  rules: Rules,
): ((path: string, bytes: Uint8Array) => Uint8Array) => {
  const { pattern, replacementOf } = compile(rules);
  return (path, bytes) => {
    if (!isManifest(path)) return bytes;
    const text = Buffer.from(bytes).toString("latin1");
    if (path.endsWith("pyproject.toml") && POETRY_SOURCE.test(text)) return bytes;
    let [out, from] = ["", 0];
    for (const match of text.matchAll(pattern)) {
      out += text.slice(from, match.index) + replacementOf(match);
      from = match.index + match[0].length;
    }
    return from === 0 ? bytes : Buffer.from(out + text.slice(from), "latin1");
  };
};
