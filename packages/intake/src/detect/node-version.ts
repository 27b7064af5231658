import semver from "semver";
import type { BaseVersions, Found } from "./detection.ts";
import type { PackageJson } from "./package-json.ts";
import type { Wish } from "./version-files.ts";

/** Names of long-term lines, as published up to 2026-11. */
const LTS: Readonly<Record<string, number>> = {
  dubnium: 10,
  erbium: 12,
  fermium: 14,
  gallium: 16,
  hydrogen: 18,
  iron: 20,
  jod: 22,
  krypton: 24,
};

/** Lines that a range is answered from, the best known first (2026-11). */
const LINES = [24, 22, 20, 18, 16, 14, 12];

/** The npm for a Node that the base image's own npm does not run on, and the Nodes each needs (2026-11). */
const NPM: readonly (readonly [version: string, node: string])[] = [
  ["11", "^20.17.0 || >=22.9.0"],
  ["10", "^18.17.0 || >=20.5.0"],
  ["9", "^14.17.0 || ^16.13.0 || >=18.0.0"],
  ["8", "^12.13.0 || ^14.15.0 || >=16.0.0"],
  ["6", "*"],
];

/** `v20`, `lts/iron` and `>=18 <21` as a range; undefined for what is none. */
const rangeOf = (text: string): semver.Range | undefined => {
  const lts = /^lts\/(.+)$/i.exec(text)?.[1]?.toLowerCase();
  // every line that is in use will do where the newest is asked for: the image's own is one
  if (lts === "*" || /^(?:node|latest|stable|current|lts)$/i.test(text))
    return new semver.Range("*");
  const line = lts === undefined ? text : LTS[lts];
  if (line === undefined) return undefined;
  try {
    return new semver.Range(String(line));
  } catch {
    return undefined;
  }
};

/** The part of a range that lies in the best line it allows, as npm understands it. */
const inBestLine = (range: semver.Range): string => {
  const line = LINES.find((major) => range.intersects(new semver.Range(`${major}.x`)));
  if (line === undefined || semver.valid(range.raw) !== null) return range.range;
  if (semver.subset(`${line}.x`, range)) return String(line);
  const part = `>=${line}.0.0 <${line + 1}.0.0`;
  const parts = range.range.split("||").map((one) => `${one.trim()} ${part}`);
  return parts
    .filter((one) => semver.validRange(one) && semver.intersects(one, range))
    .join(" || ");
};

/** Versions of Node in the order in which they count: a version that is pinned before a range that is allowed. */
const wishesOf = (manifest: PackageJson, files: readonly Wish[]): Wish[] => {
  const runtime = [manifest.devEngines?.runtime ?? []].flat().find(({ name }) => name === "node");
  const given = (version: string | undefined, field: string): Wish[] =>
    version === undefined ? [] : [{ version, from: `package.json ${field}` }];
  return [
    ...files,
    ...given(manifest.volta?.node, "volta.node"),
    ...given(runtime?.version, "devEngines.runtime"),
    ...given(manifest.engines?.node, "engines.node"),
  ];
};

/** npm packages that give the repository its Node, and an npm that runs on it; none where the image's own will do. */
export const nodePackages = (
  from: {
    manifest: PackageJson;
    files: readonly Wish[];
    base: BaseVersions | undefined;
    /** the repository says which npm it wants */
    ownNpm: boolean;
  },
  found: Found,
): string[] => {
  const [wish] = wishesOf(from.manifest, from.files);
  if (wish === undefined) return [];
  const range = rangeOf(wish.version.replace(/^node@/, ""));
  if (range === undefined) {
    found.notes.push(
      `${wish.from} asks for Node ${JSON.stringify(wish.version.slice(0, 60))}, which is no version known here: the image's own is used.`,
    );
    return [];
  }
  found.tool({ tool: "node", ...wish });
  if (from.base === undefined || range.test(from.base.node)) return [];
  const node = inBestLine(range);
  const npm = NPM.find(([, needs]) => semver.intersects(node, needs));
  const keeps = from.ownNpm || npm?.[0] === semver.major(from.base.npm).toString();
  return [
    `"node-linux-$(node -p process.arch)@${node}"`,
    ...(keeps || npm === undefined ? [] : [`npm@${npm[0]}`]),
  ];
};
