import { manifestPaths } from "./manifests.ts";
import { filesOf, type Tree } from "./tree.ts";

/** Where files of these names say from which host packages come. */
const ADDRESSES: Readonly<Record<string, RegExp>> = {
  "package-lock.json": /"resolved":\s*"https?:\/\/([^/"\s]{1,255})/g,
  "npm-shrinkwrap.json": /"resolved":\s*"https?:\/\/([^/"\s]{1,255})/g,
  "yarn.lock": /^[ \t]+resolved "https?:\/\/([^/"\s]{1,255})/gm,
  "pnpm-lock.yaml": /\btarball: ['"]?https?:\/\/([^/'"\s,}]{1,255})/g,
  ".npmrc": /^[ \t]*(?:@[^:\s]+:)?registry[ \t]*=[ \t]*["']?https?:\/\/([^/"'\s]{1,255})/gm,
  "uv.lock": /\bregistry = "https?:\/\/([^/"\s]{1,255})/g,
  "poetry.lock": /^\[package\.source\]\ntype = "legacy"\nurl = "https?:\/\/([^/"\s]{1,255})/gm,
  "pyproject.toml":
    /^\[\[tool\.(?:uv\.index|poetry\.source|pdm\.source)\]\][^\n]*\n(?:[^[\n][^\n]*\n|\n)*?[ \t]*url[ \t]*=[ \t]*["']https?:\/\/([^/"'\s]{1,255})/gm,
};
/** Of files that pip reads as requirements or constraints. */
const REQUIRED =
  /^[ \t]*(?:-i|--(?:extra-)?index-url)(?:[ \t]+|=)["']?https?:\/\/([^/"'\s]{1,255})/gm;

const PUBLIC = [
  "registry.npmjs.org",
  "registry.yarnpkg.com",
  "pypi.org",
  "files.pythonhosted.org",
] as const;

const ofRequirements = (name: string): RegExp | undefined =>
  /\.(?:txt|in)$/.test(name) ? REQUIRED : undefined;

const MAX_NOTES = 5;

/** Notes on hosts that lockfiles take packages from and set-up cannot reach: neither public nor among `known`. */
export const packageHostNotes = async (tree: Tree, known: readonly string[]): Promise<string[]> => {
  const reached = new Set<string>([...PUBLIC, ...known]);
  const notes = new Map<string, string>();
  for (const path of manifestPaths(await filesOf(tree))) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const addresses = Object.hasOwn(ADDRESSES, name) ? ADDRESSES[name] : ofRequirements(name);
    if (addresses === undefined) continue;
    const text = new TextDecoder().decode(await tree.read(path));
    for (const [, authority = ""] of text.matchAll(addresses)) {
      const host = authority.slice(authority.lastIndexOf("@") + 1).toLowerCase();
      if (reached.has(host) || notes.has(host)) continue;
      notes.set(
        host,
        `${path} takes packages from ${host}, which no registry in config.yaml names: see configuration.md, whose place \`headrace --help\` tells`,
      );
    }
  }
  // one line each, whatever a path holds
  return [...notes.values()].slice(0, MAX_NOTES).map((note) => note.replace(/\p{C}/gu, ""));
};
