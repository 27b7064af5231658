import { dirname, join, normalize } from "node:path/posix";
import { type Gate, globMatcher, globProblem } from "@headrace/domain";
import { type MakeRules, parseRules, reachedRules } from "./tamper/make-rules.ts";
import {
  hookedTo,
  RUNNER,
  type Scripts,
  scriptsBehind,
  scriptsOf,
} from "./tamper/package-scripts.ts";

/** Longer than this no path is that can be checked out. */
const MAX_WORD = 4096;

const wordsOf = (command: string): string[] =>
  command.split(/[^\w:./@*+-]+/).filter((word) => word !== "" && word.length <= MAX_WORD);

const MAKE = /(?:^|\/)(?:GNUmakefile|[Mm]akefile|[Jj]ustfile|\.justfile)$/;
const MAKERS = /\b(?:g?make|just)\b/;

/** What reads like a script of the build rather than like the product. */
const SCRIPT =
  /\.(?:sh|bash|zsh|ksh|mk|ps1|cmd)$|(?:^|\/)(?:scripts?|tools?|hack|\.?ci)\/|(?:^|\/)(?:run[-_.]?)?(?:all[-_.]?)?(?:checks?|lint|verify|ci|gates?|run[-_.]?tests?|tests?)$|(?:^|\/)(?:run[-_]tests?|runtests?|Taskfile|check|verify)\.\w+$/;

type Paths = Pick<ReadonlySet<string>, "has">;

/** What stands behind the frozen commands of the gates, at the base. */
export type GateScope = {
  /** they run more than is followed: then all that reads like a script, a target or a part of theirs counts as one */
  isCut: boolean;
  /** everything that gates run in the end, as command lines and whole scripts; the first of it, where it is cut */
  commands: readonly string[];
  /** scripts that they run as a whole */
  files: Paths;
  /** what those import that does not read like a script: the product that they try, or a part of theirs elsewhere */
  imported: Paths;
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
const LISTED = /^[\w./*-]{1,300}\.(?:sh|bash|bats)$/;
const isListing = (word: string): boolean =>
  word.lastIndexOf("*") > Math.max(0, word.lastIndexOf("/")) && LISTED.test(word);

const MAX_COMMANDS = 5000;
const MAX_GLOBS = 200;
const MAX_SCRIPT = 200_000;
/**
 * How much is looked at, counted in names that are looked up: a second or two. Repositories need a few thousand; in one that
 * is made for it each folder of a line counts with each of its words.
 */
const MAX_LOOKED_UP = 1_000_000;
/** of text, for one name */
const CHARACTERS = 10;

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

/** Where the files may lie that a script imports; Python also looks where it was started. */
const importedBy = (path: string, text: string): string[][] =>
  [...text.matchAll(IMPORTS)].map(([, relative, dotted]) => {
    const name = relative ?? dotted?.replace(/^\.+/, "").replaceAll(".", "/") ?? "";
    const starts = [join(dirname(path), name), ...(dotted === undefined ? [] : [name])];
    return starts.flatMap((start) => [...ENDINGS, ...FOLDER].map((end) => start + end));
  });

/** Reads what lies in folders of the base once. */
class Folders {
  readonly #base: BaseTree;
  readonly #scripts = new Map<string, Scripts>();
  readonly #rules = new Map<string, MakeRules[]>();
  constructor(base: BaseTree) {
    this.#base = base;
  }

  async scripts(folder: string): Promise<Scripts> {
    const path = normal(`${folder}package.json`);
    const known = this.#scripts.get(path);
    if (known !== undefined || !this.#base.has(path)) return known ?? new Map();
    const scripts = scriptsOf(await this.#base.read(path));
    this.#scripts.set(path, scripts);
    return scripts;
  }

  async rules(folder: string): Promise<MakeRules[]> {
    const known = this.#rules.get(folder) ?? (await makeRules(folder, this.#base));
    this.#rules.set(folder, known);
    return known;
  }
}

/** Where one command may look for what it names. */
type Named = { command: string; words: readonly string[]; folder: string };

/** Follows commands to what they run, until it has looked up as many names as it may. */
class Follower {
  readonly commands: string[];
  readonly files = new Set<string>();
  readonly imported = new Set<string>();
  readonly targets = new Set<string>();
  readonly globs = new Set<string>();
  readonly #base: BaseTree;
  readonly #folders: Folders;
  /** where a script lies, for what it names from there */
  readonly #homes = new Map<string, string>();
  #left = MAX_LOOKED_UP;

  constructor(commands: readonly string[], base: BaseTree) {
    this.commands = [...commands];
    for (const command of commands) this.#homes.set(command, "");
    this.#base = base;
    this.#folders = new Folders(base);
  }

  get isCut(): boolean {
    return this.#left < 0;
  }

  async follow(): Promise<void> {
    for (let at = 0; at < this.commands.length && !this.isCut; at++) {
      const command = this.commands[at] ?? "";
      const all = wordsOf(command);
      const around = new Set([...folders(all), this.#homes.get(command) ?? ""]);
      const words = [...new Set(all)];
      this.#left -= around.size * (words.length + 10);
      for (const word of words) if (isListing(word)) this.globs.add(normal(word));
      if (this.globs.size > MAX_GLOBS) this.#left = -1;
      for (const folder of around) {
        if (this.isCut) return;
        await this.#scripts({ command, words, folder });
        await this.#targets({ command, words, folder });
        await this.#files({ command, words, folder });
      }
    }
  }

  #push(command: string, home = ""): void {
    if (this.#homes.has(command)) return;
    if (this.commands.length >= MAX_COMMANDS) {
      this.#left = -1;
      return;
    }
    this.#homes.set(command, home);
    this.commands.push(command);
  }

  async #scripts({ command, folder }: Named): Promise<void> {
    if (!RUNNER.test(command)) return;
    const scripts = await this.#folders.scripts(folder);
    this.#left -= scripts.size;
    for (const name of scriptsBehind(scripts, [command])) {
      const body = scripts.get(name) ?? "";
      this.#left -= body.length / CHARACTERS;
      this.#push(body);
    }
  }

  async #targets({ command, words, folder }: Named): Promise<void> {
    if (!MAKERS.test(command)) return;
    for (const rules of await this.#folders.rules(folder)) {
      this.#left -= rules.rules.length + rules.rest.length;
      for (const rule of reachedRules(rules, words)) {
        for (const target of rule.targets) this.targets.add(target);
        this.#push(rule.recipe);
      }
    }
  }

  async #files({ words, folder }: Named): Promise<void> {
    const named = words.map((word) => normal(folder + word));
    for (let path = named.pop(); path !== undefined && !this.isCut; path = named.pop()) {
      if (this.files.has(path) || !this.#base.has(path) || !SCRIPT.test(path)) continue;
      this.files.add(path);
      const text = (await this.#base.read(path)) ?? "";
      this.#left -= text.length > MAX_SCRIPT ? Number.POSITIVE_INFINITY : text.length / CHARACTERS;
      if (this.isCut) return;
      for (const part of commandsIn(path, text)) this.#push(part, `${dirname(path)}/`);
      for (const places of CODE.test(path) ? importedBy(path, text) : []) {
        this.#left -= places.length;
        const other = places.find((place) => this.#base.has(place));
        if (other === undefined) continue;
        if (SCRIPT.test(other)) named.push(other);
        else this.imported.add(other);
      }
    }
  }
}

/**
 * Follows the gates' commands through package scripts, make targets and scripts of the base. Where there is more of it than
 * anybody writes it is cut, and everything counts that reads as if it were followed.
 */
export const gateScope = async (gates: readonly Gate[], base: BaseTree): Promise<GateScope> => {
  const follower = new Follower(
    gates.map((gate) => gate.run),
    base,
  );
  await follower.follow();
  const { isCut, commands, files, imported, targets, globs } = follower;
  if (isCut)
    return {
      ...{ isCut, commands, targets },
      files: { has: (path) => SCRIPT.test(path) || LISTED.test(path) },
      imported: { has: (path) => CODE.test(path) },
      listed: (path) => LISTED.test(path),
    };
  const listed = globMatcher([...globs].filter((glob) => globProblem(glob) === undefined));
  return { isCut, commands, files, imported, targets, listed };
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
    const [old, now] = [scriptsOf(before), scriptsOf(after)];
    const behind = (scripts: Scripts) =>
      scope.isCut ? [...scripts.keys()] : scriptsBehind(scripts, scope.commands);
    // a hook that is new runs with a script that is not
    const hooks = behind(now).filter((name) => old.has(hookedTo(name)));
    return [...new Set([...behind(old), ...hooks])]
      .filter((name) => now.get(name) !== old.get(name))
      .map((name) => `holds the script "${name}", which decides a gate and was changed`);
  }
  const isMade = scope.targets.size > 0 || scope.isCut;
  if (MAKE.test(path) && isMade && before !== undefined) {
    const [was, is] = [before, after ?? ""].map((text) =>
      scope.isCut ? text : relevant(text, scope.targets),
    );
    return was === is ? [] : ["changes what a target does that a gate makes"];
  }
  if (MAKE.test(path) && isMade && /(?:^|\/)(?:GNUmakefile|makefile)$/.test(path))
    return ["takes the place of the Makefile that a gate uses"];
  if (scope.listed(path) && before !== undefined && after === undefined)
    return ["is gone, which a gate runs"];
  if (!scope.files.has(path) || before === after || (scope.isCut && before === undefined))
    return [];
  return scope.isCut
    ? ["reads like a script of the gates, which run more than is followed, and was changed"]
    : ["is a script that a gate runs, and was changed"];
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
