import { dirname, join, normalize } from "node:path/posix";
import { type Gate, globMatcher, globProblem } from "@headrace/domain";
import { type MakeRules, parseRules, reachedRules } from "./tamper/make-rules.ts";

type Scripts = Record<string, string>;

/** Scripts may run each other, so they are tried against each other; nobody writes more. */
const MAX_SCRIPTS = 1000;

const scriptsOf = (manifest: string | undefined): Scripts => {
  try {
    const { scripts } = Object(JSON.parse(manifest ?? "{}")) as { scripts?: unknown };
    const entries = Object.entries(Object(scripts)).slice(0, MAX_SCRIPTS);
    return Object.fromEntries(
      entries.filter((script): script is [string, string] => typeof script[1] === "string"),
    );
  } catch {
    // nothing runs from what is no manifest
    return {};
  }
};

const RUNNER = /\b(?:npm|pnpm|yarn|bun)\b/;

const wordsOf = (command: string): string[] => command.split(/[^\w:./@*+-]+/).filter(Boolean);

/** The scripts that commands run by name, those that these run in turn, and the hooks npm runs with them. */
const scriptsBehind = (scripts: Scripts, commands: readonly string[]): ReadonlySet<string> => {
  const found = new Set<string>();
  const follow = (command: string): void => {
    if (!RUNNER.test(command)) return;
    const words = new Set(command.split(/[^\w:.-]+/));
    for (const [name, body] of Object.entries(scripts)) {
      if (found.has(name) || !words.has(name.replace(/^(?:pre|post)/, ""))) continue;
      found.add(name);
      follow(body);
    }
  };
  for (const command of commands) follow(command);
  return found;
};

const MAKE = /(?:^|\/)(?:GNUmakefile|[Mm]akefile|[Jj]ustfile|\.justfile)$/;
const MAKERS = /\b(?:g?make|just)\b/;

/** What reads like a script of the build rather than like the product. */
const SCRIPT =
  /\.(?:sh|bash|zsh|ksh|mk|ps1|cmd)$|(?:^|\/)(?:scripts?|tools?|hack|\.?ci)\/|(?:^|\/)(?:run[-_.]?)?(?:all[-_.]?)?(?:checks?|lint|verify|ci|gates?|run[-_.]?tests?|tests?)$|(?:^|\/)(?:run[-_]tests?|runtests?|Taskfile|check|verify)\.\w+$/;

/** What stands behind the frozen commands of the gates, at the base. */
export type GateScope = {
  /** everything that gates run in the end, as command lines and whole scripts */
  commands: readonly string[];
  /** scripts that they run as a whole */
  files: ReadonlySet<string>;
  /** what those import that does not read like a script: the product that they try, or a part of theirs elsewhere */
  imported: ReadonlySet<string>;
  /** targets they make, in whichever Makefile */
  targets: ReadonlySet<string>;
  /** whether a path is one of the scripts they run by a glob, such as `checks/*.sh` */
  listed(path: string): boolean;
};

export type BaseTree = {
  has(path: string): boolean;
  read(path: string): Promise<string | undefined>;
};

/** A glob of scripts; of other files it may be what is linted. */
const LISTED = /^[\w./*-]{1,200}\*[\w.*-]{0,100}\.(?:sh|bash|bats)$/;

const MAX_COMMANDS = 2000;
const MAX_SCRIPT = 200_000;

const folders = (words: readonly string[]): string[] => [
  "",
  ...words.flatMap((word, at) =>
    ["cd", "-C", "--prefix", "--directory"].includes(words[at - 1] ?? "") ? [`${word}/`] : [],
  ),
];

const normal = (path: string): string => normalize(path).replace(/^\.\//, "");

const CODE = /\.(?:[cm]?[jt]s|py|rb)$/;

const IMPORTS =
  /\b(?:from|import|require|require_relative)\s{0,8}\(?\s{0,8}["'](\.{1,2}\/[^"'\n]{1,200})["']|^[ \t]*(?:from|import)[ \t]{1,8}(\.{0,3}[\w.]{1,200})/gm;

const ENDINGS = ["", ..."js mjs cjs ts mts cts json py rb".split(" ").map((end) => `.${end}`)];
const FOLDER = ["/index.js", "/index.ts", "/__init__.py"];

/** The files of the base that a script imports by where they lie; Python also looks where it was started. */
const importedBy = (path: string, text: string, base: BaseTree): string[] =>
  [...text.matchAll(IMPORTS)].flatMap(([, relative, dotted]) => {
    const name = relative ?? dotted?.replace(/^\.+/, "").replaceAll(".", "/") ?? "";
    const starts = [join(dirname(path), name), ...(dotted === undefined ? [] : [name])];
    const found = starts
      .flatMap((start) => [...ENDINGS, ...FOLDER].map((end) => start + end))
      .find((file) => base.has(file));
    return found === undefined ? [] : [found];
  });

/** Follows the gates' commands through package scripts, make targets and scripts of the base. */
export const gateScope = async (gates: readonly Gate[], base: BaseTree): Promise<GateScope> => {
  const commands = gates.map((gate) => gate.run);
  const seen = new Set(commands);
  const files = new Set<string>();
  const targets = new Set<string>();
  const globs = new Set<string>();
  const imported = new Set<string>();
  /** where a script lies, for what it names from there */
  const homes = new Map<string, string>();
  const push = (command: string, home = "") => {
    if (seen.has(command) || commands.length >= MAX_COMMANDS) return;
    seen.add(command);
    homes.set(command, home);
    commands.push(command);
  };
  for (let at = 0; at < commands.length; at++) {
    const command = commands[at] ?? "";
    const words = wordsOf(command);
    for (const word of words) if (LISTED.test(word)) globs.add(normal(word));
    for (const folder of new Set([...folders(words), homes.get(command) ?? ""])) {
      if (RUNNER.test(command)) {
        const scripts = scriptsOf(await base.read(normal(`${folder}package.json`)));
        for (const name of scriptsBehind(scripts, [command])) push(scripts[name] ?? "");
      }
      if (MAKERS.test(command)) {
        for (const rules of await makeRules(folder, base))
          for (const rule of reachedRules(rules, words)) {
            for (const target of rule.targets) targets.add(target);
            push(rule.recipe);
          }
      }
      const named = words.map((word) => normal(folder + word));
      for (let path = named.pop(); path !== undefined; path = named.pop()) {
        if (files.has(path) || !SCRIPT.test(path) || !base.has(path)) continue;
        files.add(path);
        const text = ((await base.read(path)) ?? "").slice(0, MAX_SCRIPT);
        for (const part of commandsIn(path, text)) push(part, `${dirname(path)}/`);
        for (const other of CODE.test(path) ? importedBy(path, text, base) : []) {
          if (SCRIPT.test(other)) named.push(other);
          else imported.add(other);
        }
      }
    }
  }
  const listed = globMatcher([...globs].filter((glob) => globProblem(glob) === undefined));
  return { commands, files, imported, targets, listed };
};

/** Lines of a shell script are commands; in another language a command's words may stand on many lines. */
const commandsIn = (path: string, text: string): string[] =>
  CODE.test(path)
    ? [text]
    : text
        .replaceAll("\\\n", " ")
        .split("\n")
        .filter((line) => !/^\s{0,200}(?:#|$)/.test(line));

const makeRules = async (folder: string, base: BaseTree): Promise<MakeRules[]> => {
  const names = ["GNUmakefile", "makefile", "Makefile", "justfile", "Justfile", ".justfile"];
  const found = names.map((name) => normal(folder + name)).filter((path) => base.has(path));
  const texts = await Promise.all(found.map((path) => base.read(path)));
  return texts.map((text) => parseRules(text ?? ""));
};

/** What a change did to scripts that decide gates, as words that follow the path. `npm test` is frozen; what it does is not. */
export const changedGateScripts = (
  scope: GateScope,
  { path, before, after }: { path: string; before: string | undefined; after: string | undefined },
): string[] => {
  if (/(?:^|\/)package\.json$/.test(path)) {
    const old = scriptsOf(before);
    const now = scriptsOf(after);
    const reached = new Set([
      ...scriptsBehind(old, scope.commands),
      // a hook that is new runs with a script that is not
      ...[...scriptsBehind(now, scope.commands)].filter(
        (name) => old[name.replace(/^(?:pre|post)/, "")] !== undefined,
      ),
    ]);
    return [...reached]
      .filter((name) => now[name] !== old[name])
      .map((name) => `holds the script "${name}", which decides a gate and was changed`);
  }
  if (MAKE.test(path) && scope.targets.size > 0 && before !== undefined) {
    const [was, is] = [before, after ?? ""].map((text) => relevant(text, scope.targets));
    return was === is ? [] : ["changes what a target does that a gate makes"];
  }
  if (MAKE.test(path) && scope.targets.size > 0 && /(?:^|\/)(?:GNUmakefile|makefile)$/.test(path))
    return ["takes the place of the Makefile that a gate uses"];
  if (scope.listed(path) && before !== undefined && after === undefined)
    return ["is gone, which a gate runs"];
  return scope.files.has(path) && before !== after
    ? ["is a script that a gate runs, and was changed"]
    : [];
};

/** The part of a Makefile that decides its targets: their rules and what is not a rule, less variables they do not use. */
const relevant = (text: string, targets: ReadonlySet<string>): string => {
  if (text.length > MAX_SCRIPT) return text;
  const rules = parseRules(text);
  const mine = rules.rules.filter((rule) =>
    rule.targets.some((t) => targets.has(t) || t.includes("%") || /^\.(?!PHONY$)[A-Z_]+$/.test(t)),
  );
  const used = mine.map((rule) => rule.head + rule.recipe).join("\n");
  const free = rules.rest.filter((line) => {
    const name = /^(?:export\s{1,8})?([\w-]{1,100})\s{0,20}[:?+]?=/.exec(line)?.[1];
    return (
      name === undefined ||
      /^(?:SHELL|MAKEFLAGS|PATH|MAKE)$/.test(name) ||
      line.startsWith("export") ||
      used.includes(name)
    );
  });
  return [...free, used].join("\n");
};
