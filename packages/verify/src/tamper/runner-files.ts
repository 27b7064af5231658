import { basename, dirname, join } from "node:path/posix";
import type { BaseTree } from "../gate-scripts.ts";
import { isRunnerConfig } from "../protected.ts";
import type { ChangedFile, Tampering } from "./change.ts";
import { languageOf } from "./languages.ts";
import type { Pace } from "./pace.ts";
import { MAX_SOURCE, readSource } from "./source.ts";

const ENDINGS = [
  "",
  ".ts",
  ".js",
  ".mjs",
  ".cjs",
  ".mts",
  ".tsx",
  ".json",
  "/index.ts",
  "/index.js",
];

/** Named one by one in an `include`, a test stays a test. */
const isCollected = (path: string): boolean =>
  /[._-](?:test|spec)\.\w+$|(?:^|\/)test_[^/]*\.py$/.test(path);

/** Files that configurations of runners name: setup files, reporters, presets; each with who names it. */
const referencedBy = async (
  configs: readonly string[],
  base: BaseTree,
): Promise<Map<string, string[]>> => {
  const found = new Map<string, string[]>();
  for (const config of configs) {
    const text = await base.read(config);
    if (text === undefined || text.length > 200_000) continue;
    for (const [, name = ""] of text.matchAll(/["'`](?:<rootDir>\/)?([\w@./-]{3,200})["'`]/g)) {
      const path = [join(dirname(config), name), join(name)]
        .flatMap((start) => ENDINGS.map((ending) => start + ending))
        .find((candidate) => base.has(candidate));
      if (path !== undefined && languageOf(path) !== undefined && !isCollected(path))
        found.set(path, [...new Set([...(found.get(path) ?? []), basename(config)])]);
    }
  }
  return found;
};

/** The `test` block of a Vite configuration, by its braces; undefined where there is none. */
const testBlock = (text: string | undefined): string | undefined => {
  const syntax = languageOf("vite.config.ts")?.syntax;
  if (text === undefined || syntax === undefined || text.length > MAX_SOURCE) return undefined;
  const { code, plain } = readSource(text, syntax);
  const start = code.search(/(?<![\w$.])test\s{0,20}[:=]/);
  if (start < 0) return undefined;
  let depth = 0;
  for (let at = start; at < code.length; at++) {
    const c = code[at] ?? "";
    if ("{[(".includes(c)) depth++;
    else if ("}])".includes(c) && --depth <= 0) return squeezed(plain.slice(start, at + 1));
    else if (depth === 0 && (c === "," || c === ";")) return squeezed(plain.slice(start, at));
  }
  return squeezed(plain.slice(start));
};

const squeezed = (text: string): string => text.replace(/[\s,;]+/g, "").replaceAll("'", '"');

const VITE = /(?:^|\/)vite\.config\.[cm]?[jt]s$/;

/** Configurations that may name other files; a big tree has too many paths for globs. */
const NAMES_FILES =
  /(?:^|\/)(?:vitest|vite|jest|karma|ava|mocha|playwright|cypress|wdio|jasmine)[\w.-]*\.(?:[cm]?[jt]s|json)$|(?:^|\/)\.mocharc[\w.]*$/;

/** Changes of what decides which tests run: configuration by its path, what that names, and Vite's `test` block. */
export const runnerTampering = async (
  files: readonly ChangedFile[],
  base: BaseTree & { paths: readonly string[] },
  pace: Pace,
): Promise<Tampering[]> => {
  const configs = base.paths.filter((path) => NAMES_FILES.test(path));
  const named = await referencedBy(configs.slice(0, 50), base);
  const judged = ({ path, before, after }: ChangedFile): Tampering[] => {
    const tampering = (what: string, about = [basename(path)]): Tampering[] => [
      { path, what, remedy: "put it back", opens: "gates", about },
    ];
    if (isRunnerConfig(path)) return tampering("configures a test runner and was changed");
    if (VITE.test(path) && testBlock(before) !== testBlock(after))
      return tampering("changes the `test` block, which configures vitest");
    const by = named.get(path);
    return by === undefined
      ? []
      : tampering("is named by a test runner's configuration and was changed", by);
  };
  const found: Tampering[] = [];
  for (const file of files) found.push(...(await pace(file, () => judged(file))));
  return found;
};
